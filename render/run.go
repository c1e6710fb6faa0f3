package render

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/repo"
	"github.com/flux-rehearse/flux-rehearse/source"
)

// Plan is what a Run starts from.
type Plan struct {
	Entry     repo.Entry
	Tree      *repo.Tree
	Settings  Settings
	Baseline  Capabilities         // of the cluster before anything is applied
	Extra     []repo.Seed          // objects that only the cluster has
	Invented  map[finding.Ref]bool // those of them whose values are made up
	Renderers []Renderer
	Sources   *source.Set
	Problems  []finding.Problem // in how the controllers are set up
	Workers   int               // parallel renders, 1 when zero
}

// Run plays the entry forward in waves until nothing is left to render. A wave
// renders in parallel all Flux objects whose needs are settled; its results are
// merged in order of refs, so the outcome does not depend on Workers. The error
// is about the context or the plan only, never about content.
func Run(ctx context.Context, plan Plan) (*World, error) {
	r := newRun(plan)
	for _, s := range plan.Entry.Seeds {
		r.seed(s)
	}
	for _, s := range plan.Extra {
		u := &unstructured.Unstructured{Object: s.Object}
		r.world.admit(&Object{Unstructured: u, Origin: Origin{Doc: s.Doc, Place: s.Pos, Outside: true, Invented: plan.Invented[RefOf(u)]}})
	}
	for len(r.pending) > 0 {
		r.merge(r.wave(ctx))
		if err := ctx.Err(); err != nil { // what the wave yields may be half done
			return nil, fmt.Errorf("render %s: %w", plan.Entry.Name, err)
		}
	}
	r.world.settle()
	return r.world, nil
}

type run struct {
	plan      Plan
	world     *World
	renderers map[schema.GroupKind]Renderer
	pending   map[finding.Ref]*Object
	sources   *worldSources
}

func newRun(plan Plan) *run {
	r := &run{
		plan:      plan,
		renderers: Registry(plan.Renderers),
		pending:   map[finding.Ref]*Object{},
		world: &World{
			Entry: plan.Entry, Tree: plan.Tree, Settings: plan.Settings, Problems: plan.Problems, baseline: plan.Baseline,
			live:     map[finding.Ref][]*Object{},
			produced: map[finding.Ref]*Object{},
			outcomes: map[finding.Ref]*Outcome{},
		},
	}
	r.sources = &worldSources{set: plan.Sources, world: r.world, external: map[finding.Ref]source.Artifact{}}
	return r
}

// Registry indexes renderers by the kinds they render.
func Registry(renderers []Renderer) map[schema.GroupKind]Renderer {
	m := map[schema.GroupKind]Renderer{}
	for _, r := range renderers {
		for _, gk := range r.Kinds() {
			m[gk] = r
		}
	}
	return m
}

func (r *run) seed(s repo.Seed) {
	o := &Object{Unstructured: &unstructured.Unstructured{Object: s.Object}, Origin: Origin{Doc: s.Doc, Place: s.Pos}}
	r.world.Seeds = append(r.world.Seeds, o)
	r.enter(o)
}

// enter adds an applied object to the World and, if it is a Flux object that
// can be rendered and is not yet known, to the worklist.
func (r *run) enter(o *Object) {
	r.world.admit(o)
	ref := o.Ref()
	if _, ok := r.renderers[o.GroupVersionKind().GroupKind()]; ok && r.world.outcomes[ref] == nil {
		r.pending[ref] = o
	}
}

// wave renders every pending object whose needs are settled, in parallel.
func (r *run) wave(ctx context.Context) []*Outcome {
	batch := r.ready()
	out := make([]*Outcome, len(batch))
	var wg sync.WaitGroup
	slots := make(chan struct{}, max(1, r.plan.Workers))
	for i, o := range batch {
		wg.Add(1)
		slots <- struct{}{}
		go func() {
			defer func() { <-slots; wg.Done() }()
			in := Input{Object: o, Settings: r.plan.Settings, Cluster: r.world, Sources: r.sources, Revision: 1}
			out[i] = &Outcome{Object: o, Result: unwatched(in, r.renderers[o.GroupVersionKind().GroupKind()].Render(ctx, in))}
		}()
	}
	wg.Wait()
	return out
}

// ready returns the pending objects whose needs are settled, sorted by ref.
// When none is, the needs of some can never be settled: the first one that
// lacks least goes ahead as the cluster is.
func (r *run) ready() []*Object {
	var batch []*Object
	best, bestRank := (*Object)(nil), 0
	for _, ref := range sortedRefs(r.pending) {
		o := r.pending[ref]
		rank := r.lack(o)
		if rank == 0 {
			batch = append(batch, o)
		}
		if best == nil || rank < bestRank {
			best, bestRank = o, rank
		}
	}
	if len(batch) == 0 {
		batch = []*Object{best}
	}
	return batch
}

// lack ranks what an object still waits for: 0 nothing, 1 something optional,
// 2 a source or data that nobody applied so far, 3 a dependency.
func (r *run) lack(o *Object) int {
	rank := 0
	for _, n := range r.renderers[o.GroupVersionKind().GroupKind()].Needs(o, r.plan.Settings) {
		switch {
		case n.Kind == NeedDependency && r.world.outcomes[n.Ref] == nil && n.Ref != o.Ref():
			rank = max(rank, 3)
		case n.Kind == NeedDependency || r.settled(n.Ref):
		case n.Optional:
			rank = max(rank, 1)
		default:
			rank = max(rank, 2)
		}
	}
	return rank
}

// settled reports whether a source or data object is there to be read.
func (r *run) settled(ref finding.Ref) bool {
	if ref.Kind == "ExternalArtifact" {
		_, ok := r.sources.external[ref]
		return ok
	}
	return r.world.Object(ref) != nil || r.world.Producer(ref) != nil
}

// merge takes the outcomes of a wave into the World, in order.
func (r *run) merge(wave []*Outcome) {
	for _, out := range wave {
		ref := out.Object.Ref()
		delete(r.pending, ref)
		r.world.outcomes[ref] = out
		r.world.Outcomes = append(r.world.Outcomes, out)
		for ref, a := range out.Artifacts {
			r.sources.external[ref] = a
		}
	}
	for _, out := range wave {
		for _, list := range [][]*Object{out.CRDs, out.Applies} {
			for _, o := range list {
				r.enter(o)
			}
		}
	}
}

func sortedRefs[V any](m map[finding.Ref]V) []finding.Ref {
	refs := make([]finding.Ref, 0, len(m))
	for ref := range m {
		refs = append(refs, ref)
	}
	slices.SortFunc(refs, finding.Ref.Compare)
	return refs
}
