package simulate

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/flux-rehearse/flux-rehearse/render"
)

// Ahead is a server on which kinds are defined while it is still being found out
// what is to be replayed: a server is slow at that, and idle meanwhile.
type Ahead struct {
	replay *replay
	made   map[string]managedCRD // by name
	unfit  bool
}

// NewAhead returns the server of the options with nothing defined on it yet. Of
// the options it takes Config, SeedManager and Emulate.
func NewAhead(opts Options) (*Ahead, error) {
	r, err := newReplay(Options{Config: opts.Config, SeedManager: opts.SeedManager, Emulate: opts.Emulate})
	if err != nil {
		return nil, err
	}
	r.step = &stepRun{}
	r.recorder.neutral = opts.Emulate.Webhooks
	return &Ahead{replay: r, made: map[string]managedCRD{}}, nil
}

// Foreseeable reports whether the first definitions of a Run do not depend on what
// its cluster holds besides: objects of a kind that may be defined.
func (o Options) Foreseeable() bool {
	return !slices.ContainsFunc(o.Live, func(u *unstructured.Unstructured) bool {
		return strings.Contains(u.GroupVersionKind().Group, ".")
	})
}

// Define defines what a Run with these options will, as far as that has not been
// done. It may be called again once more is known. What the server refuses makes
// it unfit.
func (a *Ahead) Define(ctx context.Context, opts Options) {
	var list []managedCRD
	for _, d := range a.replay.defines(opts) {
		if _, ok := a.made[d.crd.GetName()]; !ok {
			a.made[d.crd.GetName()] = d
			list = append(list, d)
		}
	}
	err := errors.Join(a.replay.define(ctx, list)...)
	a.unfit = a.unfit || err != nil || a.replay.establish(ctx) != nil
}

// Fits reports whether the server has just what a Run with these options would
// have defined on it before anything else, in whatever order: then it may go on
// from there.
func (a *Ahead) Fits(opts Options) bool {
	wanted := a.replay.defines(opts)
	if a.unfit || !opts.Foreseeable() || len(wanted) != len(a.made) {
		return false
	}
	for _, d := range wanted {
		if !d.same(a.made[d.crd.GetName()]) {
			return false
		}
	}
	return !a.replay.recorder.disputed()
}

// same reports whether two definitions come to the same.
func (d managedCRD) same(other managedCRD) bool {
	return other.crd != nil && d.manager == other.manager && reflect.DeepEqual(d.crd.Object, other.crd.Object)
}

// brought reports whether an object was defined ahead although the cluster has it
// from a Flux object.
func (r *replay) brought(u *unstructured.Unstructured) bool {
	if r.opts.Ahead == nil || groupKind(render.RefOf(u)) != crdKind || r.opts.Ahead.made[u.GetName()].crd == nil {
		return false
	}
	return !slices.ContainsFunc(r.opts.FluxCRDs, func(crd *unstructured.Unstructured) bool { return crd.GetName() == u.GetName() })
}

// defines are the definitions that come before everything else: those of Flux,
// and those that a running cluster has been brought.
func (r *replay) defines(opts Options) []managedCRD {
	out := r.fluxDefinitions(opts.FluxCRDs)
	if opts.Running == nil {
		return out
	}
	of := map[string]bool{}
	for _, d := range out {
		of[d.crd.GetName()] = true
	}
	for _, d := range opts.Running.definitions() {
		if !of[d.crd.GetName()] {
			out = append(out, d)
		}
	}
	return out
}

// definitions are the definitions that Flux objects have brought, each with the
// manager of its fields.
func (r *Running) definitions() []managedCRD {
	var out []managedCRD
	for _, o := range r.Definitions {
		if o.Origin.Owner == nil {
			continue
		}
		manager := kustomizeController
		if o.Origin.Owner.GetKind() == helmReleaseKind.Kind {
			manager = helmController
		}
		out = append(out, managedCRD{o.Unstructured, manager})
	}
	return out
}
