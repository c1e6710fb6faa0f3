package simulate

import (
	"context"
	"slices"

	"github.com/fluxcd/pkg/apis/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/render"
)

// phase is where the last reconciliation of a Flux object left it.
type phase int

const (
	phaseNew       phase = iota // never reconciled
	phaseDone                   // ready, or suspended
	phaseBlocked                // waits for a dependency or a source
	phaseFailed                 // is tried again when something has changed
	phasePaused                 // is tried again after a while, which changes objects: only when what decides about objects has changed
	phaseStalled                // is not tried again before its spec or source changes
	phaseWaiting                // has applied everything, waits for health
	phaseLingering              // has deleted an object to make it anew, waits for it to go
	phaseUnknown                // something it needs is not at hand here
)

// memory is what the replay remembers of a Flux object between reconciliations.
type memory struct {
	phase      phase
	reason     string // stable code for phases other than done
	on         []finding.Ref
	generation int64
	requested  string      // token of the reconciliation that was asked for last
	revision   string      // of the source artifact seen last
	watched    string      // versions of the watched ConfigMaps and Secrets seen last
	moment     int         // of the replay when the last attempt ended
	rulings    int         // made in the cluster when the last attempt ended
	resync     bool        // asked to reconcile once more
	waiting    *healthWait // while phaseWaiting
	verdict    render.Condition
	condition  render.Condition               // Ready, after the last attempt that was no waiting
	tried      string                         // in that attempt: see attemptable
	rendered   map[finding.Ref]*render.Object // the last render, by object
	blocked    []finding.Ref                  // of the last render, never tried
	failures   []Refusal
	gone       bool
	busy       bool // its controller works on it
	attempts   int  // to reconcile it
	unserved   int  // what the server had defined when a release failed for a kind that it does not serve, else 0
	repeats    int  // attempts in a row that have failed after they had changed objects
	unfinished int  // failed attempts of this step to clean up after its deletion
}

// fails reports whether the last attempt has failed by itself.
func (m *memory) fails() bool {
	return m.phase == phaseFailed || m.phase == phasePaused || m.phase == phaseStalled
}

// subject is one Flux object as the server holds it now.
type subject struct {
	ref   finding.Ref
	live  *unstructured.Unstructured
	mem   *memory
	depth int // Flux objects above it
}

func (s *subject) suspended() bool {
	v, _, _ := unstructured.NestedBool(s.live.Object, "spec", "suspend")
	return v || operatorPaused(s.live)
}

// changed reports whether the subject has another spec than its controller saw
// last, or somebody has asked for a reconciliation by annotation since.
func (s *subject) changed() bool {
	asked, ok := meta.ReconcileAnnotationValue(s.live.GetAnnotations())
	return s.mem.generation != s.live.GetGeneration() || ok && s.mem.requested != asked
}

// notice notes the spec and the request that the controller sees.
func (s *subject) notice() {
	s.mem.generation = s.live.GetGeneration()
	s.mem.requested, _ = meta.ReconcileAnnotationValue(s.live.GetAnnotations())
}

func (s *subject) deleting() bool { return s.live.GetDeletionTimestamp() != nil }

// remember returns the memory of a Flux object, a new one at first.
func (r *replay) remember(ref finding.Ref) *memory {
	m, ok := r.memory[ref]
	if !ok {
		m = &memory{}
		r.memory[ref] = m
	}
	return m
}

// subjects lists the Flux objects of some kinds that the server holds, those
// farthest from the entry point first, then by reference.
func (r *replay) subjects(ctx context.Context, kinds ...fluxKind) []*subject {
	var out []*subject
	for _, k := range kinds {
		for _, u := range r.cluster.list(ctx, k.GroupKind) {
			ref := render.RefOf(u)
			out = append(out, &subject{ref: ref, live: u, mem: r.remember(ref), depth: r.depth(u)})
		}
	}
	slices.SortStableFunc(out, func(a, b *subject) int {
		if a.depth != b.depth {
			return b.depth - a.depth
		}
		return a.ref.Compare(b.ref)
	})
	return out
}

// reread brings the subject up to date; it reports false when it is gone.
func (r *replay) reread(ctx context.Context, s *subject) bool {
	u := r.cluster.read(ctx, s.ref)
	if u == nil {
		return false
	}
	s.live = u
	return true
}

// depth counts the owners above an object.
func (r *replay) depth(u *unstructured.Unstructured) int {
	n, seen := 0, map[finding.Ref]bool{render.RefOf(u): true}
	for u != nil {
		parent, ok := ownerOf(u.GetLabels())
		if !ok || seen[parent] {
			return n
		}
		seen[parent] = true
		n++
		u = r.index[parent]
	}
	return n
}

// ownerOf reads the Kustomization, or the object of the Flux Operator, that the
// labels of an object name.
func ownerOf(labels map[string]string) (finding.Ref, bool) {
	for _, kind := range ownerKindsByLabel {
		if ref, ok := labelledOwner(labels, kind); ok {
			return ref, true
		}
	}
	return finding.Ref{}, false
}

// object is the subject as renderers take it: as it is on the server, without
// what the server and the controllers set, and with the story of how it got there.
func (r *replay) object(s *subject) *render.Object {
	u := s.live.DeepCopy()
	u.SetManagedFields(nil)
	u.SetResourceVersion("")
	u.SetUID("")
	u.SetFinalizers(nil)
	unstructured.RemoveNestedField(u.Object, "metadata", "creationTimestamp")
	unstructured.RemoveNestedField(u.Object, "status")
	o := &render.Object{Unstructured: u}
	if applied := r.applied[s.ref]; applied != nil {
		o.Origin = applied.Origin
	}
	return o
}
