package simulate

import (
	"context"
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/flux-rehearse/flux-rehearse/diff"
	"github.com/flux-rehearse/flux-rehearse/facts"
	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/render"
	"github.com/flux-rehearse/flux-rehearse/repo"
	"github.com/flux-rehearse/flux-rehearse/source"
)

// Run replays the steps on the server, one after the other. The error says that
// the server is gone, that ctx ended, or that the options do not fit; what is
// wrong with the content of a repository is in the Result.
func Run(ctx context.Context, opts Options) (Result, error) {
	r, err := opts.begun()
	if err != nil {
		return Result{}, err
	}
	if err := r.install(ctx); err != nil {
		return Result{}, r.failure(ctx, err)
	}
	var result Result
	for _, in := range opts.Steps {
		opts.progress("replay " + in.Name)
		step, err := r.play(ctx, in)
		if err != nil {
			return result, r.failure(ctx, err)
		}
		result.Steps = append(result.Steps, step)
		if opts.States {
			result.States = append(result.States, r.state(ctx))
		}
	}
	return result, nil
}

// replay is the state of a Run.
type replay struct {
	opts       Options
	recorder   *recorder
	renders    *render.Cache
	cluster    *cluster
	memory     map[finding.Ref]*memory
	applied    map[finding.Ref]*render.Object             // as rendered by whoever applied it last
	produced   map[finding.Ref]bool                       // made by controllers that do not run here
	index      map[finding.Ref]*unstructured.Unstructured // Kustomizations as listed last
	artifacts  map[finding.Ref]source.Artifact            // of sources, the last good one
	origins    map[finding.Ref]origin                     // of artifacts
	left       map[finding.Ref]*render.Object             // Flux objects that are gone
	failures   map[finding.Ref]*source.Failure            // of sources, why they have nothing new
	boot       map[types.UID]bool                         // objects that were there before Flux
	clock      int                                        // grows with every change that somebody may wait for
	now        int64                                      // seconds that waiting would have taken so far
	step       *stepRun
	piled      map[finding.Ref][]diff.Change // what waited at suspended owners after the step before
	known      []finding.Fact                // of the step before, nil before the first
	seeded     bool                          // the entry is in the cluster
	uids       *uids
	probes     int                              // for policies so far
	unenforced map[string]bool                  // kinds of admission policies written and perhaps not enforced yet
	limited    string                           // namespace of a LimitRange written and perhaps not in force yet
	params     []finding.Ref                    // what admission policies read, without namespace; without name for any
	ending     map[string]finding.Ref           // namespaces being deleted, by whom
	deletions  int                              // so far
	collected  int                              // deletions that the garbage collection has seen
	settled    int                              // how much had changed when the rest of the cluster was imitated last
	aggregated int                              // how much cluster roles had changed when they were filled last
	listed     int                              // how much definitions had changed when the aggregated APIs were looked at last
	placed     int                              // objects that others than Flux wrote so far
	owned      bool                             // some object has an owner that may go
	blocking   bool                             // some deletion waits for what the object owns
	reported   map[types.UID]int64              // generations of the objects reported ready
	over       map[types.UID]bool               // Jobs of a dump that had come to their end
	turns      map[finding.Ref]turn             // of ExternalArtifacts
	circles    map[arrival]string               // why a new revision wakes nobody, empty when it does
	endless    error                            // of an expression that does not come to an end
	hidden     map[finding.Ref][]string         // pointers to leaves that were encrypted
	excused    map[finding.Ref]render.Condition // failed in the first step, which the cluster runs
	unclaimed  map[finding.Ref]bool             // objects of a dump that does not say who manages their fields
}

// stepRun is what is known of the step being played.
type stepRun struct {
	input    StepInput
	first    bool
	assumed  []repo.Assumption
	renderer map[schema.GroupKind]render.Renderer
	order    []finding.Ref // owners in order of reconciliation
	ranked   map[finding.Ref]bool
	entries  []entry
	owners   map[finding.Ref]*unstructured.Unstructured // Flux objects before the step
	after    map[finding.Ref]*unstructured.Unstructured // and at its end
	waiting  []prior
	woken    []*subject          // together with the one at work
	attempts map[finding.Ref]int // of those, before
	observed []facts.Object
	traces   int // of fields through charts
	events   []Event
	notes    []string
	told     map[remark][]string // subjects of notes that are told together
}

func newReplay(opts Options) (*replay, error) {
	if opts.Config == nil {
		return nil, fmt.Errorf("simulate: no API server is given")
	}
	r := &replay{
		opts: opts, recorder: newRecorder(), renders: opts.Cache,
		memory:     map[finding.Ref]*memory{},
		applied:    map[finding.Ref]*render.Object{},
		produced:   map[finding.Ref]bool{},
		index:      map[finding.Ref]*unstructured.Unstructured{},
		artifacts:  map[finding.Ref]source.Artifact{},
		origins:    map[finding.Ref]origin{},
		failures:   map[finding.Ref]*source.Failure{},
		left:       map[finding.Ref]*render.Object{},
		uids:       &uids{known: map[string]bool{}},
		reported:   map[types.UID]int64{},
		ending:     map[string]finding.Ref{},
		unenforced: map[string]bool{},
		hidden:     map[finding.Ref][]string{},
		turns:      map[finding.Ref]turn{},
		circles:    map[arrival]string{},
		unclaimed:  map[finding.Ref]bool{},
		over:       map[types.UID]bool{},
		excused:    map[finding.Ref]render.Condition{},
		boot:       map[types.UID]bool{},
	}
	if r.renders == nil {
		r.renders = render.NewCache(nil)
	}
	var err error
	r.cluster, err = newCluster(opts.Config, r.recorder)
	if err != nil {
		return nil, err
	}
	r.cluster.unsure = r.unsure
	r.recorder.onWrite = func(w write) {
		r.owned = r.owned || w.after != nil && len((&unstructured.Unstructured{Object: w.after}).GetOwnerReferences()) > 0
		r.decided(w.ref)
		if r.isParam(w.ref) {
			r.unenforced[policies[0]] = true
		}
		if w.after == nil || terminating(w.after) {
			r.deletions++
			r.blocking = r.blocking || waitsForOwned(w.after)
			r.noteEnding(w.actor, w.ref)
		}
	}
	return r, nil
}

// begun is the replay of the options, on the server that is ready for it or on an empty one.
func (o Options) begun() (*replay, error) {
	if o.Ahead == nil {
		return newReplay(o)
	}
	r := o.Ahead.replay
	r.opts = o
	if o.Cache != nil {
		r.renders = o.Cache
	}
	return r, nil
}

// failure explains why a Run could not go on.
func (r *replay) failure(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("the replay was interrupted: %w", ctx.Err())
	}
	if gone := r.recorder.gone(); gone != nil {
		return fmt.Errorf("the API server does not answer any more: %w", gone)
	}
	return err
}

// alive returns an error when the Run cannot go on.
func (r *replay) alive(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if r.endless != nil {
		return r.endless
	}
	return r.recorder.gone()
}

// unsure reports whether the content of an object is made elsewhere than here.
func (r *replay) unsure(ref finding.Ref) bool {
	o := r.applied[ref]
	anywhere := ref
	anywhere.Namespace = render.Everywhere
	return o != nil && o.Origin.Encrypted || o == nil && (r.produced[ref] || r.produced[anywhere])
}

// applies takes note of objects that were applied as rendered.
func (r *replay) applies(objects []*render.Object) {
	for _, o := range objects {
		r.applied[o.Ref()] = o
		r.hide(o)
		if r.opts.Produced == nil {
			continue
		}
		for _, made := range r.opts.Produced(o.Unstructured) {
			r.produced[made] = true
		}
	}
}

// hide takes note of the leaves of an object that nothing may print, in no
// later step either: the cluster holds what was.
func (r *replay) hide(o *render.Object) {
	for _, pointer := range o.Origin.Hidden {
		if !slices.Contains(r.hidden[o.Ref()], pointer) {
			r.hidden[o.Ref()] = append(r.hidden[o.Ref()], pointer)
		}
	}
}

func (r *replay) event(ref finding.Ref, kind, reason, message string) {
	e := Event{Object: ref, Type: kind, Reason: reason, Message: message}
	for _, have := range r.step.events {
		if have == e {
			return
		}
	}
	r.step.events = append(r.step.events, e)
}
