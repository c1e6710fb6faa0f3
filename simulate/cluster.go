package simulate

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/go-logr/logr"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/render"
)

// cluster is the simulated API server.
type cluster struct {
	base      *rest.Config // as given
	recorder  *recorder
	mapper    meta.RESTMapper
	directory *directory
	plain     client.Client            // administrator, not recorded: bookkeeping of the controllers
	actors    map[string]client.Client // by impersonated user, recorded

	unserved map[schema.GroupKind]int    // kinds that the server did not serve, after how many changes to what it serves
	served   map[schema.GroupKind]served // kinds that it did serve
	seen     map[string]answer           // to list and find, by what was asked for

	unsure       func(finding.Ref) bool // whether somebody else would make the object
	capabilities *render.Capabilities   // nil when to be asked again
}

func newCluster(config *rest.Config, rec *recorder) (*cluster, error) {
	// The log of the client library says nothing that the recorder does not know.
	log.SetLogger(logr.Discard())
	c := &cluster{base: config, recorder: rec, actors: map[string]client.Client{}, seen: map[string]answer{}, unserved: map[schema.GroupKind]int{}, served: map[schema.GroupKind]served{}}
	watched := rec.watching(config)
	hc, err := rest.HTTPClientFor(watched)
	if err != nil {
		return nil, fmt.Errorf("connect to the API server: %w", err)
	}
	dynamic, err := apiutil.NewDynamicRESTMapper(watched, hc)
	if err != nil {
		return nil, fmt.Errorf("ask the API server for its kinds: %w", err)
	}
	if c.directory, err = newDirectory(watched, hc, rec); err != nil {
		return nil, err
	}
	c.mapper = kindMapper{dynamic, c.directory.mapper}
	c.plain, err = c.client(watched, hc)
	return c, err
}

func (c *cluster) client(config *rest.Config, hc *http.Client) (client.Client, error) {
	cl, err := client.New(config, client.Options{HTTPClient: hc, Scheme: runtime.NewScheme(), Mapper: c.mapper})
	if err != nil {
		return nil, fmt.Errorf("connect to the API server: %w", err)
	}
	return cl, nil
}

// configFor is a recorded configuration that acts as user, as administrator
// when user is empty, on behalf of actor, of the one at work when that is empty.
func (c *cluster) configFor(user string, actor finding.Ref) *rest.Config {
	config := c.recorder.recording(c.base, actor)
	if user != "" {
		config.Impersonate = rest.ImpersonationConfig{UserName: user}
	}
	return config
}

// as is a recorded client that acts as user, as administrator when user is empty.
func (c *cluster) as(user string) (client.Client, error) {
	if cl, ok := c.actors[user]; ok {
		return cl, nil
	}
	config := c.configFor(user, finding.Ref{})
	hc, err := rest.HTTPClientFor(config)
	if err != nil {
		return nil, fmt.Errorf("connect to the API server: %w", err)
	}
	cl, err := c.client(config, hc)
	if err != nil {
		return nil, err
	}
	c.actors[user] = cl
	return cl, nil
}

// serviceAccount is the user name of a service account.
func serviceAccount(namespace, name string) string {
	return "system:serviceaccount:" + namespace + ":" + name
}

// read returns the object that ref names in the version that the server
// prefers, nil when there is none.
func (c *cluster) read(ctx context.Context, ref finding.Ref) *unstructured.Unstructured {
	u, err := c.find(ctx, ref)
	if err != nil {
		return nil
	}
	return u
}

// answer is what the server said, and after how many changes.
type answer struct {
	changed int
	objects []*unstructured.Unstructured
	err     error
}

// ask returns what the server says to a question about the objects of a
// resource, asking again only when one of them may have changed since. The
// objects must not be changed.
func (c *cluster) ask(gr schema.GroupResource, name, key string, question func() ([]*unstructured.Unstructured, error)) ([]*unstructured.Unstructured, error) {
	now := c.recorder.changedAt(gr, name)
	a, ok := c.seen[key]
	if !ok || a.changed != now {
		a = answer{changed: now}
		a.objects, a.err = question()
		c.seen[key] = a
	}
	return a.objects, a.err
}

// find is like read, but returns the server's error.
func (c *cluster) find(ctx context.Context, ref finding.Ref) (*unstructured.Unstructured, error) {
	u, err := c.look(ctx, ref)
	if err != nil {
		return nil, err
	}
	return u.DeepCopy(), nil
}

// look is like find, but its result must not be changed.
func (c *cluster) look(ctx context.Context, ref finding.Ref) (*unstructured.Unstructured, error) {
	m, err := c.mapping(groupKind(ref))
	if err != nil {
		return nil, err
	}
	found, err := c.ask(m.Resource.GroupResource(), ref.Name, "get "+ref.Group+" "+ref.String(), func() ([]*unstructured.Unstructured, error) {
		u := &unstructured.Unstructured{}
		u.SetGroupVersionKind(m.GroupVersionKind)
		if err := c.plain.Get(ctx, client.ObjectKey{Namespace: ref.Namespace, Name: ref.Name}, u); err != nil {
			return nil, err
		}
		return []*unstructured.Unstructured{u}, nil
	})
	if err != nil {
		return nil, err
	}
	if groupKind(ref) == crdKind {
		c.settles(ref.Name, statusOf(found[0]))
	}
	return found[0], nil
}

// settles notes whether the server has made up its mind about a CRD. It reports
// whether it has.
func (c *cluster) settles(name string, st *status) bool {
	if st.is("NamesAccepted", "False") {
		c.recorder.contest()
	}
	if !settledNames(st) {
		return false
	}
	c.recorder.established(name)
	return true
}

// memorial is a reader of the cluster that asks again only about objects that
// may have changed since.
type memorial struct {
	client.Client
	cluster *cluster
}

// Get implements client.Reader.
func (m memorial) Get(ctx context.Context, key client.ObjectKey, o client.Object, opts ...client.GetOption) error {
	u, ok := o.(*unstructured.Unstructured)
	gvk := o.GetObjectKind().GroupVersionKind()
	if served, err := m.cluster.mapping(gvk.GroupKind()); !ok || len(opts) > 0 || err != nil || served.GroupVersionKind != gvk {
		return m.Client.Get(ctx, key, o, opts...)
	}
	found, err := m.cluster.find(ctx, finding.Ref{Group: gvk.Group, Kind: gvk.Kind, Namespace: key.Namespace, Name: key.Name})
	if err == nil {
		u.Object = found.Object
	}
	return err
}

// list returns the objects of a kind in all namespaces, sorted by namespace and name.
func (c *cluster) list(ctx context.Context, gk schema.GroupKind) []*unstructured.Unstructured {
	return copies(c.survey(ctx, gk))
}

// survey is like list, but its objects must not be changed.
func (c *cluster) survey(ctx context.Context, gk schema.GroupKind) []*unstructured.Unstructured {
	m, err := c.mapping(gk)
	if err != nil {
		return nil
	}
	return c.List(ctx, m.GroupVersionKind, "")
}

func copies(shared []*unstructured.Unstructured) []*unstructured.Unstructured {
	out := make([]*unstructured.Unstructured, len(shared))
	for i, u := range shared {
		out[i] = u.DeepCopy()
	}
	return out
}

// listIn returns the objects of a kind in a namespace, or in all, sorted by
// namespace and name.
func (c *cluster) listIn(ctx context.Context, gvk schema.GroupVersionKind, namespace string) []*unstructured.Unstructured {
	return copies(c.List(ctx, gvk, namespace))
}

// Get implements render.Cluster.
func (c *cluster) Get(ctx context.Context, ref finding.Ref) (*unstructured.Unstructured, render.Presence) {
	u, err := c.look(ctx, ref)
	switch {
	case c.unsure(ref) && err != nil:
		return nil, render.Unsure
	case c.unsure(ref):
		return u, render.Unsure
	case err != nil:
		return nil, render.Absent
	}
	return u, render.Present
}

// mapping says how the server calls a kind. The library asks the server again
// for every kind that it does not know, and looks through all groups for those
// that it does, which costs time.
func (c *cluster) mapping(gk schema.GroupKind) (*meta.RESTMapping, error) {
	now := c.recorder.definitions()
	if then, ok := c.unserved[gk]; ok && then == now {
		return nil, &meta.NoKindMatchError{GroupKind: gk}
	}
	if known, ok := c.served[gk]; ok && known.changes == now {
		return known.mapping, nil
	}
	m, err := c.mapper.RESTMapping(gk)
	switch {
	case err == nil:
		c.served[gk] = served{m, now}
	case c.recorder.gone() == nil:
		c.unserved[gk] = now
	}
	return m, err
}

// served is how the server calls a kind, after how many changes to what it serves.
type served struct {
	mapping *meta.RESTMapping
	changes int
}

// List implements render.Cluster.
func (c *cluster) List(ctx context.Context, gvk schema.GroupVersionKind, namespace string) []*unstructured.Unstructured {
	m, err := c.mapping(gvk.GroupKind())
	if err != nil {
		out, _ := c.listNow(ctx, gvk, namespace)
		return out
	}
	out, _ := c.ask(m.Resource.GroupResource(), "", "list "+namespace+" "+gvk.String(), func() ([]*unstructured.Unstructured, error) {
		return c.listNow(ctx, gvk, namespace)
	})
	return out
}

func (c *cluster) listNow(ctx context.Context, gvk schema.GroupVersionKind, namespace string) ([]*unstructured.Unstructured, error) {
	list := &unstructured.UnstructuredList{}
	list.SetGroupVersionKind(gvk.GroupVersion().WithKind(gvk.Kind + "List"))
	if err := c.plain.List(ctx, list, client.InNamespace(namespace)); err != nil {
		return nil, err
	}
	out := make([]*unstructured.Unstructured, len(list.Items))
	for i := range list.Items {
		out[i] = &list.Items[i]
	}
	slices.SortFunc(out, func(a, b *unstructured.Unstructured) int { return render.RefOf(a).Compare(render.RefOf(b)) })
	return out, nil
}

// lapse makes the next render ask what the server serves, unless nothing has
// changed that.
func (c *cluster) lapse() {
	if !c.directory.holds() {
		c.capabilities = nil
	}
}

// Capabilities implements render.Cluster.
func (c *cluster) Capabilities(context.Context) render.Capabilities {
	if c.capabilities != nil {
		return *c.capabilities
	}
	var caps render.Capabilities
	c.directory.refresh()
	if v, err := c.directory.ServerVersion(); err == nil {
		caps.KubeVersion = v.GitVersion
	}
	_, lists, _ := c.directory.ServerGroupsAndResources()
	for _, list := range lists {
		caps.APIVersions = append(caps.APIVersions, list.GroupVersion)
		for _, r := range list.APIResources {
			if !strings.Contains(r.Name, "/") {
				caps.APIVersions = append(caps.APIVersions, list.GroupVersion+"/"+r.Kind)
			}
		}
	}
	slices.Sort(caps.APIVersions)
	caps.APIVersions = slices.Compact(caps.APIVersions)
	c.capabilities = &caps
	return caps
}

// absent reports whether err says that an object or its kind does not exist.
func absent(err error) bool { return apierrors.IsNotFound(err) || meta.IsNoMatchError(err) }
