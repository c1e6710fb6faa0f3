package release

import (
	"strings"

	"helm.sh/helm/v4/pkg/kube"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/cli-runtime/pkg/resource"
	"k8s.io/kubectl/pkg/validation"
)

// factory gives Helm what kubectl's own does, but for the validation of objects
// before they are sent. Where the server validates the fields itself, nothing
// else does; to learn that, kubectl reads the schemas of the server each time.
type factory struct {
	kube.Factory
	cluster *cluster
}

// Validator leaves the validation of what the server serves to the server.
func (f factory) Validator(directive string) (validation.Schema, error) {
	usual, err := f.Factory.Validator(directive)
	if err != nil || directive == metav1.FieldValidationIgnore {
		return usual, err
	}
	return validation.NewParamVerifyingSchema(usual, served{f.cluster}, directive), nil
}

// served tells which objects the server validates.
type served struct{ *cluster }

// HasSupport is nil for an object that the server validates when it comes, and
// for one of a group that it does not serve: its schemas say nothing of that
// either, and the object is refused for it. Lists are left to Helm. All versions
// of the server that Flux runs on validate fields.
func (s served) HasSupport(gvk schema.GroupVersionKind) error {
	list, err := s.discovery.ServerResourcesForGroupVersion(gvk.GroupVersion().String())
	if err != nil {
		return nil
	}
	for _, r := range list.APIResources {
		if r.Kind == gvk.Kind && !strings.Contains(r.Name, "/") {
			return nil
		}
	}
	return resource.NewParamUnsupportedError(gvk, resource.QueryParamFieldValidation)
}
