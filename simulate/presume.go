package simulate

import (
	"context"
	"fmt"
	"regexp"
	"strings"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/render"
	"github.com/flux-rehearse/flux-rehearse/repo"
)

// Running is what is known of a cluster that runs the first step before the
// replay begins. Many clusters do not come up from nothing by Flux alone: some
// definitions and Secrets were there first. Where the replay of the first step
// comes to a standstill for want of them, they are taken to be in the cluster.
type Running struct {
	Definitions []*render.Object           // the CRDs that the Flux objects of the step bring
	Declares    func(ref finding.Ref) bool // whether the step has an object
}

// presume takes to be in the cluster what it lacks to run the first step. It
// reports whether that helps.
func (r *replay) presume(ctx context.Context) (bool, error) {
	if r.opts.Running == nil || !r.step.first {
		return false, nil
	}
	found, err := r.presumeDefinitions(ctx)
	if found || err != nil {
		return found, err
	}
	return r.presumeValues(ctx), nil
}

// unservedKind is how the API server's clients say that it does not serve a kind.
var unservedKind = regexp.MustCompile(`no matches for kind "[^"]+" in version "[^"]+"`)

// presumeDefinitions defines the kinds that the step brings and does not get to,
// if somebody fails for one. They belong to the controllers that bring them.
func (r *replay) presumeDefinitions(ctx context.Context) (bool, error) {
	if !r.wantsKind(ctx) {
		return false, nil
	}
	count := map[finding.Ref]int{}
	var owners []finding.Ref
	var pos finding.Position
	for _, o := range r.opts.Running.Definitions {
		if o.Origin.Owner == nil || r.cluster.read(ctx, o.Ref()) != nil {
			continue
		}
		owner := o.Origin.Owner.Ref()
		manager := kustomizeController
		if owner.Kind == helmReleaseKind.Kind {
			manager = helmController
		}
		if err := r.put(ctx, o.Unstructured, manager); err != nil {
			r.note("the cluster refuses %v", err)
			continue
		}
		if count[owner] == 0 {
			owners = append(owners, owner)
		}
		if pos.IsZero() {
			pos = o.Origin.Owner.At("")
		}
		count[owner]++
	}
	if len(owners) == 0 {
		return false, nil
	}
	names := make([]string, len(owners))
	for i, owner := range owners {
		names[i] = fmt.Sprintf("%s (%d)", owner, count[owner])
	}
	r.assume(pos, "the cluster runs %s, which does not come up from nothing; the definitions that it brings are taken to be there: %s",
		r.step.input.Name, strings.Join(names, ", "))
	return true, r.establish(ctx)
}

// wantsKind reports whether a Flux object fails for a kind that the step brings.
func (r *replay) wantsKind(ctx context.Context) bool {
	brought := map[string]bool{}
	for _, o := range r.opts.Running.Definitions {
		brought[definedKind(o)] = true
	}
	for _, s := range r.subjects(ctx, r.ownerKinds()...) {
		for _, kind := range unservedKind.FindAllString(statusOf(s.live).ready().Message, -1) {
			if kind, _, _ = strings.Cut(kind, "/"); brought[kind+"/"] {
				return true
			}
		}
	}
	return false
}

// definedKind is how the kind of a CRD is called by who does not find it, up to
// the version.
func definedKind(o *render.Object) string {
	spec, _ := o.Object["spec"].(map[string]any)
	names, _ := spec["names"].(map[string]any)
	return fmt.Sprintf("no matches for kind %q in version \"%s/", text(names["kind"]), text(spec["group"]))
}

// presumeValues makes the content of a ConfigMap or Secret unknown that is
// missing, that nothing in the step declares, and that a Flux object cannot do
// without.
func (r *replay) presumeValues(ctx context.Context) bool {
	found := false
	for _, s := range r.subjects(ctx, r.ownerKinds()...) {
		if s.mem.phase != phaseFailed {
			continue
		}
		for _, ref := range render.Wanted(s.live, s.mem.reason) {
			if r.cluster.read(ctx, ref) != nil || r.unsure(ref) || r.opts.Running.Declares(ref) {
				continue
			}
			found = true
			r.produced[ref] = true
			r.clock++
			r.assume(r.object(s).At("/spec"), "%s is in the cluster, since it runs %s and %s takes values from it; its content is not known",
				ref, r.step.input.Name, s.ref)
		}
	}
	return found
}

func (r *replay) assume(pos finding.Position, format string, args ...any) {
	r.step.assumed = append(r.step.assumed, repo.Assumption{Pos: pos, Text: fmt.Sprintf(format, args...)})
}
