package source

import (
	"context"
	"fmt"
	"sync"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/repo"
)

// The API groups of the objects that this package resolves.
const (
	Group          = "source.toolkit.fluxcd.io"
	GeneratorGroup = "source.extensions.fluxcd.io"
)

// Options says what the sources of one entry of a repository resolve against.
type Options struct {
	Tree     *repo.Tree  // the repository itself
	Path     string      // its folder: finds local branches, and rows of the map that are this repository; may be empty
	Self     finding.Ref // the source object that is this repository
	SelfURLs []string    // URLs under which this repository is known, its remotes
	Map      *Map        // what the user has at hand of other sources, nil for nothing
	Workdir  string      // where Dir writes
	Revision string      // commit of the repository itself, overrides the one of Tree; may be empty
}

// Set resolves source objects to artifacts. It is safe for concurrent use and
// never changes what it resolved.
type Set struct {
	Options
	shared *shared
}

// shared is what Sets of several entries of one repository have in common.
type shared struct {
	contents onceMap[built]
	trees    onceMap[loadedTree]
	dirs     onceMap[folder]
	kept     sync.Map // trees whose address is part of a key
}

// New returns a Set with empty caches.
func New(o Options) *Set {
	if o.Tree == nil {
		o.Tree = repo.FromFiles(nil)
	}
	s := &Set{Options: o, shared: &shared{}}
	s.shared.kept.Store(o.Tree, nil)
	return s
}

// For returns a Set for another entry of the same repository: its tree, which
// may have an overlay, and the source object that is the repository there. It
// shares everything that is already read.
func (s *Set) For(tree *repo.Tree, self finding.Ref) *Set {
	o := s.Options
	o.Tree, o.Self = tree, self
	s.shared.kept.Store(tree, nil)
	return &Set{Options: o, shared: s.shared}
}

var resolvers = map[schema.GroupKind]Resolver{}

func register(kind string, r Resolver) {
	resolvers[schema.GroupKind{Group: Group, Kind: kind}] = r
}

// IsSource reports whether objects of the group and kind are sources that a Set resolves.
func IsSource(gk schema.GroupKind) bool { return resolvers[gk] != nil }

// Artifact resolves a source object. A nil Failure means success. get finds
// other objects of the cluster and may be nil.
func (s *Set) Artifact(ctx context.Context, obj *unstructured.Unstructured, get Getter) (Artifact, *Failure) {
	gk := obj.GroupVersionKind().GroupKind()
	r := resolvers[gk]
	if r == nil {
		return Artifact{}, &Failure{Problem: finding.Problem{
			Reason: ReasonKind, Object: refOf(obj),
			Message: fmt.Sprintf("%q is not a kind of source", gk.Kind),
			Hint:    "use GitRepository, OCIRepository, Bucket or ExternalArtifact",
		}}
	}
	if err := ctx.Err(); err != nil {
		return Artifact{}, &Failure{Unknown: true, Problem: finding.Problem{
			Reason: ReasonInterrupted, Object: refOf(obj), Message: err.Error(),
		}}
	}
	if get == nil {
		get = func(finding.Ref) *unstructured.Unstructured { return nil }
	}
	return r.Resolve(ctx, s, obj, get)
}

// onceMap computes the value of each key once, whoever asks first.
type onceMap[T any] struct{ entries sync.Map }

func (m *onceMap[T]) do(key string, compute func() T) T {
	e, _ := m.entries.LoadOrStore(key, sync.OnceValue(compute))
	return e.(func() T)()
}
