package source

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/flux-rehearse/flux-rehearse/finding"
)

func init() { register("HelmChart", helmChart{}) }

// helmChart resolves HelmChart objects that stand in a repository, as an
// ArtifactGenerator may take them: the chart as an archive, without the
// dependencies and values files that the controller would add.
type helmChart struct{}

// Resolve implements Resolver.
func (helmChart) Resolve(ctx context.Context, s *Set, obj *unstructured.Unstructured, get Getter) (Artifact, *Failure) {
	ref := finding.Ref{Group: Group, Kind: text(obj, "spec", "sourceRef", "kind"),
		Namespace: obj.GetNamespace(), Name: text(obj, "spec", "sourceRef", "name")}
	src := get(ref)
	if src == nil {
		f := refusal(obj, ReasonNotFound, "SourceUnavailable", "failed to get source: "+NotFound(ref).Message)
		return Artifact{}, f.at("/spec/sourceRef/name", "")
	}
	c, f := s.Chart(ctx, ChartRequest{Source: src, Chart: text(obj, "spec", "chart"), Version: text(obj, "spec", "version")}, get)
	if f != nil {
		return Artifact{}, f
	}
	blob := c.Archive
	if blob == nil {
		packed, err := Pack(c.Name, c.Files)
		if err != nil {
			return Artifact{}, unreadable(obj, fmt.Sprintf("chart %q", c.Name), err)
		}
		blob = packed
	}
	a := Artifact{Revision: c.Version, Blob: blob}
	digest, err := artifactDigest(a)
	if err != nil {
		return Artifact{}, unreadable(obj, fmt.Sprintf("chart %q", c.Name), err)
	}
	a.Digest = digest
	return a, nil
}
