package source

import (
	"context"
	"crypto/sha256"
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

func init() { register("HelmRepository", helmRepository{}) }

// helmRepository resolves HelmRepository objects. Their artifact is an index
// that only charts are read from, so it has a revision but no files.
type helmRepository struct{}

// Resolve implements Resolver.
func (helmRepository) Resolve(_ context.Context, s *Set, obj *unstructured.Unstructured, _ Getter) (Artifact, *Failure) {
	if f := helmURL(obj); f != nil {
		return Artifact{}, f
	}
	url := text(obj, "spec", "url")
	if s.Map.without("HelmRepository", obj, url) {
		f := refusal(obj, ReasonURL, "Failed", fmt.Sprintf(
			"failed to fetch Helm repository index: failed to cache index to temporary file: failed to fetch %s/index.yaml : 404 Not Found", strings.TrimRight(url, "/")))
		return Artifact{}, f.at("/spec/url", "")
	}
	var index strings.Builder
	for _, r := range s.Map.rowsOf("HelmRepository", obj, url) {
		fmt.Fprintf(&index, "%s %s\n", r.Chart, r.chartVersion())
	}
	digest := fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(index.String())))
	return Artifact{Revision: digest, Digest: digest}, nil
}

// helmURL checks the URL of a HelmRepository against its type.
func helmURL(obj *unstructured.Unstructured) *Failure {
	url := text(obj, "spec", "url")
	isOCI := strings.HasPrefix(url, "oci://")
	switch {
	case isOCI && text(obj, "spec", "type") != "oci":
		f := refusal(obj, ReasonURL, "URLInvalid",
			"invalid Helm repository URL: 'oci' URL scheme cannot be used with 'default' HelmRepository type")
		f.Stalled = true
		return f.at("/spec/url", "set spec.type to oci")
	case !isOCI && text(obj, "spec", "type") == "oci":
		f := refusal(obj, ReasonURL, "URLInvalid", "failed to construct Helm client: invalid OCI registry URL: "+url)
		return f.at("/spec/url", "write the URL as oci://HOST/PATH, or remove spec.type")
	}
	return nil
}
