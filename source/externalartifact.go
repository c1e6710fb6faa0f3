package source

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

func init() { register("ExternalArtifact", externalArtifact{}) }

// externalArtifact knows that the content of an ExternalArtifact comes from
// whoever writes its status. What an ArtifactGenerator yields is in the Result
// of its render; an object that reaches this place has no generator.
type externalArtifact struct{}

// Resolve implements Resolver.
func (externalArtifact) Resolve(_ context.Context, _ *Set, obj *unstructured.Unstructured, _ Getter) (Artifact, *Failure) {
	f := refusal(obj, ReasonNoArtifact, "", fmt.Sprintf("nothing in the repository yields the content of %s", refOf(obj)))
	f.Unknown = true
	return Artifact{}, f.at("", "let an ArtifactGenerator yield it; a source map cannot bring it")
}
