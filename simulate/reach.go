package simulate

import (
	"context"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/render"
)

// reach is what the reconciliation of a release has to do with.
type reach struct {
	writes  map[finding.Ref]bool      // objects that it may write to, and its release
	kinds   map[schema.GroupKind]bool // of these
	defines map[schema.GroupKind]bool // kinds whose definitions it brings
	reads   map[finding.Ref]bool      // objects that values and templates are made from
	lists   map[schema.GroupKind]bool // kinds of which they may take any object
}

// meets reports whether one of two reconciliations may change what the other does.
func (a reach) meets(b reach) bool { return a.disturbs(b) || b.disturbs(a) }

func (a reach) disturbs(b reach) bool {
	for ref := range a.writes {
		if b.writes[ref] || b.reads[ref] {
			return true
		}
	}
	for gk := range a.kinds {
		if b.defines[gk] || b.lists[gk] {
			return true
		}
	}
	return false
}

// worker returns a worker for a HelmRelease, nil for one that had better be alone:
// others may depend on what it does, or that cannot be said beforehand.
func (r *replay) worker(ctx context.Context, s *subject) *worker {
	if r.opts.Releases == nil || s.remote() || r.releaseUser(s) != "" || len(r.params) > 0 {
		return nil
	}
	in := r.releaseInput(s)
	in.Resync = r.step.input.Resync
	asked := askedCluster{r.cluster, map[finding.Ref]bool{}, map[schema.GroupKind]bool{}}
	in.Cluster = asked
	r.cluster.lapse()
	found := r.opts.Releases.Rendered(ctx, in)
	if found.State != render.Rendered || found.Release == nil || !r.sameRelease(s, *found.Release) {
		return nil
	}
	w := &worker{subject: s, input: in, told: make(chan lookup, 2)}
	w.reach = reach{writes: map[finding.Ref]bool{}, kinds: map[schema.GroupKind]bool{}, defines: map[schema.GroupKind]bool{}, reads: asked.refs, lists: asked.kinds}
	w.reach.writes[finding.Ref{Kind: "release", Namespace: found.Release.StorageNamespace, Name: found.Release.Name}] = true
	before := make([]*render.Object, 0, len(s.mem.rendered))
	for _, o := range s.mem.rendered {
		before = append(before, o)
	}
	spaces := map[string]bool{found.Release.Namespace: true, found.Release.StorageNamespace: true}
	for _, list := range [][]*render.Object{found.CRDs, found.Applies, found.Hooks, before} {
		for _, o := range list {
			if !r.confined(ctx, o) {
				return nil
			}
			w.reach.writes[o.Ref()], w.reach.kinds[groupKind(o.Ref())], spaces[o.Ref().Namespace] = true, true, true
			switch {
			case groupKind(o.Ref()) == crdKind:
				w.reach.defines[definedBy(o.Unstructured)] = true
			case o.Ref().Kind == "PriorityClass":
				w.reach.defines[schema.GroupKind{Kind: "Pod"}] = true // that name it
			case o.Ref().Group == "" && o.Ref().Kind == "Service":
				w.reach.kinds[addresses] = true
				w.reach.defines[addresses] = w.reach.defines[addresses] || choosesAddress(o.Unstructured)
			}
		}
	}
	if !r.plainSpaces(ctx, spaces) {
		return nil
	}
	return w
}

// sameRelease reports whether a HelmRelease means the release that it has
// installed, of which everything is known, or has installed none.
func (r *replay) sameRelease(s *subject, now render.Release) bool {
	history, _, _ := unstructured.NestedSlice(s.live.Object, "status", "history")
	stored, _, _ := unstructured.NestedString(s.live.Object, "status", "storageNamespace")
	if len(history) == 0 {
		return stored == "" || stored == now.StorageNamespace
	}
	latest, _ := history[0].(map[string]any)
	return s.mem.rendered != nil && stored == now.StorageNamespace && text(latest["name"]) == now.Name && text(latest["namespace"]) == now.Namespace
}

// confined reports whether an object decides nothing about others: not whether the
// server takes them, nor what becomes of them.
func (r *replay) confined(ctx context.Context, o *render.Object) bool {
	ref := o.Ref()
	m, err := r.cluster.mapping(groupKind(ref))
	if _, flux := kindOf(ref); flux || err != nil {
		return false
	}
	switch {
	case groupKind(ref) == crdKind:
		return r.defined(ctx, o)
	case ref.Group == "rbac.authorization.k8s.io":
		return true
	case ref.Group == admissionGroup:
		return strings.HasSuffix(ref.Kind, "WebhookConfiguration") // nothing calls webhooks
	case slices.Contains(classKinds, groupKind(ref)):
		return !defaultClass(o.Unstructured)
	case m.Scope.Name() == meta.RESTScopeNameRoot:
		return r.cluster.Scope(groupKind(ref)) == "Cluster"
	}
	return !decides(ref)
}

// classKinds are the kinds of which one object counts for all that name none.
var classKinds = []schema.GroupKind{
	{Group: "networking.k8s.io", Kind: "IngressClass"}, {Group: "scheduling.k8s.io", Kind: "PriorityClass"}, {Group: "storage.k8s.io", Kind: "StorageClass"},
}

// defaultClass reports whether a class counts for objects that name none.
func defaultClass(u *unstructured.Unstructured) bool {
	global, _, _ := unstructured.NestedBool(u.Object, "globalDefault")
	for name, value := range u.GetAnnotations() {
		global = global || strings.HasSuffix(name, ".kubernetes.io/is-default-class") && value == "true"
	}
	return global
}

// addresses stand for all that Services get from the server, which must not give
// away what one of them chooses.
var addresses = schema.GroupKind{Kind: "address"}

// defined reports whether the server serves all that a definition brings.
func (r *replay) defined(ctx context.Context, o *render.Object) bool {
	live := r.cluster.read(ctx, o.Ref())
	return live != nil && statusOf(live).is("Established", "True") && live.GetDeletionTimestamp() == nil &&
		slices.Equal(render.ServedBy(live), render.ServedBy(o.Unstructured))
}

// definedBy is the kind that a definition defines.
func definedBy(crd *unstructured.Unstructured) schema.GroupKind {
	group, _, _ := unstructured.NestedString(crd.Object, "spec", "group")
	kind, _, _ := unstructured.NestedString(crd.Object, "spec", "names", "kind")
	return schema.GroupKind{Group: group, Kind: kind}
}

// choosesAddress reports whether a Service wants an address or port that the
// server may give to another one.
func choosesAddress(u *unstructured.Unstructured) bool {
	if ip, _, _ := unstructured.NestedString(u.Object, "spec", "clusterIP"); ip != "" && ip != "None" {
		return true
	}
	ports, _, _ := unstructured.NestedSlice(u.Object, "spec", "ports")
	return slices.ContainsFunc(ports, func(p any) bool {
		m, _ := p.(map[string]any)
		return m["nodePort"] != nil
	})
}

// plainSpaces reports whether namespaces exist, and nothing counts what is in them.
func (r *replay) plainSpaces(ctx context.Context, names map[string]bool) bool {
	for name := range names {
		if name == "" {
			continue
		}
		ns := r.cluster.read(ctx, finding.Ref{Kind: namespaceKind.Kind, Name: name})
		if ns == nil || ns.GetDeletionTimestamp() != nil {
			return false
		}
	}
	return !slices.ContainsFunc(r.cluster.survey(ctx, quotaKind), func(u *unstructured.Unstructured) bool { return names[u.GetNamespace()] })
}

// askedCluster notes what is asked of the cluster.
type askedCluster struct {
	*cluster
	refs  map[finding.Ref]bool
	kinds map[schema.GroupKind]bool
}

// Get implements render.Cluster.
func (c askedCluster) Get(ctx context.Context, ref finding.Ref) (*unstructured.Unstructured, render.Presence) {
	c.refs[ref] = true
	return c.cluster.Get(ctx, ref)
}

// List implements render.Cluster.
func (c askedCluster) List(ctx context.Context, gvk schema.GroupVersionKind, namespace string) []*unstructured.Unstructured {
	c.kinds[gvk.GroupKind()] = true
	return c.cluster.List(ctx, gvk, namespace)
}

// Get implements render.Cluster.
func (c patientCluster) Get(ctx context.Context, ref finding.Ref) (*unstructured.Unstructured, render.Presence) {
	c.one.Lock()
	defer c.one.Unlock()
	return c.cluster.Get(ctx, ref)
}

// List implements render.Cluster.
func (c patientCluster) List(ctx context.Context, gvk schema.GroupVersionKind, namespace string) []*unstructured.Unstructured {
	c.one.Lock()
	defer c.one.Unlock()
	return c.cluster.List(ctx, gvk, namespace)
}

// Capabilities implements render.Cluster.
func (c patientCluster) Capabilities(ctx context.Context) render.Capabilities {
	c.one.Lock()
	defer c.one.Unlock()
	return c.cluster.Capabilities(ctx)
}

// Scope implements render.Scoper.
func (c patientCluster) Scope(kind schema.GroupKind) string {
	c.one.Lock()
	defer c.one.Unlock()
	return c.cluster.Scope(kind)
}
