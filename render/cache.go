package render

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/repo"
	"github.com/flux-rehearse/flux-rehearse/source"
)

// Cache remembers what renders yielded, by content. A render is a pure function
// of its Input, so its Result holds again for an object with the same content
// and place, whenever everything that the render read is the same: what it read
// of cluster and sources is remembered with the Result, and read again before
// the Result is used. Clusters and revisions may share a Cache.
type Cache struct {
	mu       sync.Mutex
	entries  map[digest][]cached
	defaults Defaults
}

// Defaults sets the fields of an object that the API server sets where nothing
// else does. A render yields the same with and without them.
type Defaults func(object map[string]any)

type digest [sha256.Size]byte

// cached is a Result with what its render read.
type cached struct {
	reads  []read
	result Result
}

// read is a question that a render asked, and the digest of the answer.
type read struct {
	ask    func(context.Context, Input) digest
	answer digest
}

// NewCache returns an empty Cache, to which an object with the defaults of its kind
// is the one without them. No defaults are known when they are nil.
func NewCache(defaults Defaults) *Cache {
	return &Cache{entries: map[digest][]cached{}, defaults: defaults}
}

// Wrap returns a Renderer that renders through the Cache.
func (c *Cache) Wrap(r Renderer) Renderer { return cachedRenderer{Renderer: r, cache: c} }

// Innermost returns the Renderer below those that wrap it.
func Innermost(r Renderer) Renderer {
	for {
		over, ok := r.(interface{ Unwrap() Renderer })
		if !ok {
			return r
		}
		r = over.Unwrap()
	}
}

type cachedRenderer struct {
	Renderer
	cache *Cache
}

// Unwrap returns the Renderer below.
func (r cachedRenderer) Unwrap() Renderer { return r.Renderer }

// Render implements Renderer.
func (r cachedRenderer) Render(ctx context.Context, in Input) Result {
	key := r.cache.keyOf(in)
	for _, e := range r.cache.at(key) {
		if e.holds(ctx, in) {
			return e.result.ownedBy(in.Object)
		}
	}
	w := &watcher{in: in}
	watched := in
	watched.Cluster, watched.Sources = w, w
	result := r.Renderer.Render(ctx, watched)
	if ctx.Err() == nil {
		r.cache.add(key, cached{w.reads, result})
	}
	return result
}

func (c *Cache) at(key digest) []cached {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.entries[key]
}

func (c *Cache) add(key digest, e cached) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.entries[key] = append(c.entries[key], e)
}

func (e cached) holds(ctx context.Context, in Input) bool {
	for _, r := range e.reads {
		if r.ask(ctx, in) != r.answer {
			return false
		}
	}
	return true
}

// ownedBy returns the Result with o as the owner of its objects.
func (r Result) ownedBy(o *Object) Result {
	for _, list := range []*[]*Object{&r.Applies, &r.CRDs, &r.Hooks} {
		owned := make([]*Object, len(*list))
		for i, p := range *list {
			c := *p
			c.Origin.Owner = o
			owned[i] = &c
		}
		if *list != nil {
			*list = owned
		}
	}
	return r
}

// keyOf identifies an Input but for what the render reads: the object less what
// the server and its owner keep in it, its place, and the settings less their
// explanations.
func (c *Cache) keyOf(in Input) digest {
	object := make(map[string]any, len(in.Object.Object))
	for k, v := range in.Object.Object {
		if k != "status" {
			object[k] = v
		}
	}
	if meta, ok := object["metadata"].(map[string]any); ok {
		object["metadata"] = map[string]any{
			"name": meta["name"], "namespace": meta["namespace"], "labels": unowned(meta["labels"]),
			"annotations": meta["annotations"],
		}
	}
	if c.defaults != nil {
		object, _ = runtime.DeepCopyJSONValue(object).(map[string]any)
		c.defaults(object)
		delete(object, "status")
	}
	settings := in.Settings
	settings.Assumed = []repo.Assumption(nil)
	return digestOf(object, places(in.Object, object), settings, in.Upgrade, in.Revision)
}

// unowned are labels but for those that say who applies the object, which no
// render reads.
func unowned(labels any) any {
	all, ok := labels.(map[string]any)
	if !ok {
		return labels
	}
	out := maps.Clone(all)
	maps.DeleteFunc(out, func(name string, _ any) bool {
		return strings.HasSuffix(name, ".toolkit.fluxcd.io/name") || strings.HasSuffix(name, ".toolkit.fluxcd.io/namespace")
	})
	if len(out) == 0 {
		return nil
	}
	return out
}

// places are where the fields of what counts of an object are written: a result
// may hold any of them.
func places(o *Object, counts map[string]any) []finding.Position {
	var out []finding.Position
	var walk func(v any, at string)
	walk = func(v any, at string) {
		out = append(out, o.At(at))
		switch v := v.(type) {
		case map[string]any:
			for _, k := range slices.Sorted(maps.Keys(v)) {
				walk(v[k], at+finding.Pointer(k))
			}
		case []any:
			for i, item := range v {
				walk(item, at+finding.Pointer(strconv.Itoa(i)))
			}
		}
	}
	for _, k := range []string{"metadata", "spec"} {
		if v, ok := counts[k]; ok {
			walk(v, finding.Pointer(k))
		}
	}
	return out
}

// digestOf is the digest of values with a JSON form.
func digestOf(values ...any) digest {
	h := sha256.New()
	enc := json.NewEncoder(h)
	for _, v := range values {
		if err := enc.Encode(v); err != nil {
			// What has no JSON form is told apart by its text.
			fmt.Fprintf(h, "%#v", v)
		}
	}
	return digest(h.Sum(nil))
}

// watcher passes questions on to cluster and sources and remembers the answers.
type watcher struct {
	in    Input
	mu    sync.Mutex
	reads []read
}

func (w *watcher) note(answer digest, ask func(context.Context, Input) digest) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.reads = append(w.reads, read{ask, answer})
}

// Consult asks a cluster a question. A render that takes part in a Cache depends
// on the answer alone, not on all that the question reads to find it. What the
// answer leaves out of its JSON form does not count.
func Consult[T any](ctx context.Context, c Cluster, question func(context.Context, Cluster) T) T {
	w, ok := c.(*watcher)
	if !ok {
		return question(ctx, c)
	}
	answer := question(ctx, w.in.Cluster)
	w.note(digestOf(answer), func(ctx context.Context, in Input) digest { return digestOf(question(ctx, in.Cluster)) })
	return answer
}

// content is an object of a cluster, and whether it is known.
type content struct {
	Object   map[string]any
	Presence Presence
}

// Content asks a cluster for an object less what the server keeps in it, on which
// a render that takes part in a Cache does not depend then. The caller owns it.
func Content(ctx context.Context, c Cluster, ref finding.Ref) (*unstructured.Unstructured, Presence) {
	found := Consult(ctx, c, func(ctx context.Context, c Cluster) content {
		u, presence := c.Get(ctx, ref)
		if u == nil {
			return content{Presence: presence}
		}
		u = u.DeepCopy()
		for _, kept := range []string{"uid", "resourceVersion", "generation", "creationTimestamp", "managedFields"} {
			unstructured.RemoveNestedField(u.Object, "metadata", kept)
		}
		return content{u.Object, presence}
	})
	if found.Object == nil {
		return nil, found.Presence
	}
	return &unstructured.Unstructured{Object: found.Object}, found.Presence
}

// Get implements Cluster.
func (w *watcher) Get(ctx context.Context, ref finding.Ref) (*unstructured.Unstructured, Presence) {
	u, p := w.in.Cluster.Get(ctx, ref)
	w.note(digestOf(u, p), func(ctx context.Context, in Input) digest {
		u, p := in.Cluster.Get(ctx, ref)
		return digestOf(u, p)
	})
	return u, p
}

// Place implements Locator.
func (w *watcher) Place(ctx context.Context, ref finding.Ref, pointer string) finding.Position {
	place := func(ctx context.Context, in Input) finding.Position {
		if l, ok := in.Cluster.(Locator); ok {
			return l.Place(ctx, ref, pointer)
		}
		return finding.Position{}
	}
	pos := place(ctx, w.in)
	w.note(digestOf(pos), func(ctx context.Context, in Input) digest { return digestOf(place(ctx, in)) })
	return pos
}

// List implements Cluster.
func (w *watcher) List(ctx context.Context, gvk schema.GroupVersionKind, namespace string) []*unstructured.Unstructured {
	list := w.in.Cluster.List(ctx, gvk, namespace)
	w.note(digestOf(list), func(ctx context.Context, in Input) digest {
		return digestOf(in.Cluster.List(ctx, gvk, namespace))
	})
	return list
}

// Capabilities implements Cluster.
func (w *watcher) Capabilities(ctx context.Context) Capabilities {
	c := w.in.Cluster.Capabilities(ctx)
	w.note(digestOf(c), func(ctx context.Context, in Input) digest { return digestOf(in.Cluster.Capabilities(ctx)) })
	return c
}

// Artifact implements Sources.
func (w *watcher) Artifact(ctx context.Context, ref finding.Ref) (source.Artifact, *source.Failure) {
	identity := func(a source.Artifact, f *source.Failure) digest {
		return digestOf(a.Revision, a.OriginRevision, a.Digest, f)
	}
	a, f := w.in.Sources.Artifact(ctx, ref)
	w.note(identity(a, f), func(ctx context.Context, in Input) digest { return identity(in.Sources.Artifact(ctx, ref)) })
	return a, f
}

// Chart implements Sources.
func (w *watcher) Chart(ctx context.Context, ref finding.Ref, chart, version string) (source.Chart, *source.Failure) {
	identity := func(c source.Chart, f *source.Failure) digest {
		return digestOf(c.Name, c.Version, c.Revision, c.Digest, c.Path, f)
	}
	c, f := w.in.Sources.Chart(ctx, ref, chart, version)
	w.note(identity(c, f), func(ctx context.Context, in Input) digest {
		return identity(in.Sources.Chart(ctx, ref, chart, version))
	})
	return c, f
}
