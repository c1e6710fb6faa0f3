package reader

import (
	"context"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
)

// Create refuses.
func (r *reader) Create(context.Context, client.Object, ...client.CreateOption) error {
	return errReadOnly
}

// Delete refuses.
func (r *reader) Delete(context.Context, client.Object, ...client.DeleteOption) error {
	return errReadOnly
}

// Update refuses.
func (r *reader) Update(context.Context, client.Object, ...client.UpdateOption) error {
	return errReadOnly
}

// Patch refuses.
func (r *reader) Patch(context.Context, client.Object, client.Patch, ...client.PatchOption) error {
	return errReadOnly
}

// Apply refuses.
func (r *reader) Apply(context.Context, runtime.ApplyConfiguration, ...client.ApplyOption) error {
	return errReadOnly
}

// DeleteAllOf refuses.
func (r *reader) DeleteAllOf(context.Context, client.Object, ...client.DeleteAllOfOption) error {
	return errReadOnly
}

// Status returns a client that refuses.
func (r *reader) Status() client.SubResourceWriter { return refusing{} }

// SubResource returns a client that refuses.
func (r *reader) SubResource(string) client.SubResourceClient { return refusing{} }

// Scheme knows the core group only.
func (r *reader) Scheme() *runtime.Scheme { return r.scheme }

// RESTMapper knows no kind.
func (r *reader) RESTMapper() meta.RESTMapper { return meta.NewDefaultRESTMapper(nil) }

// GroupVersionKindFor returns the kind of a core or unstructured object.
func (r *reader) GroupVersionKindFor(obj runtime.Object) (schema.GroupVersionKind, error) {
	return apiutil.GVKForObject(obj, r.scheme)
}

// IsObjectNamespaced is not known here.
func (r *reader) IsObjectNamespaced(runtime.Object) (bool, error) { return false, errReadOnly }

// refusing is the client of every subresource.
type refusing struct{}

// Get refuses.
func (refusing) Get(context.Context, client.Object, client.Object, ...client.SubResourceGetOption) error {
	return errReadOnly
}

// Create refuses.
func (refusing) Create(context.Context, client.Object, client.Object, ...client.SubResourceCreateOption) error {
	return errReadOnly
}

// Update refuses.
func (refusing) Update(context.Context, client.Object, ...client.SubResourceUpdateOption) error {
	return errReadOnly
}

// Patch refuses.
func (refusing) Patch(context.Context, client.Object, client.Patch, ...client.SubResourcePatchOption) error {
	return errReadOnly
}

// Apply refuses.
func (refusing) Apply(context.Context, runtime.ApplyConfiguration, ...client.SubResourceApplyOption) error {
	return errReadOnly
}
