package helmrelease

import (
	"context"
	"fmt"

	"github.com/fluxcd/pkg/chartutil"
	"github.com/go-logr/logr"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/internal/reader"
	"github.com/flux-rehearse/flux-rehearse/render"
)

// composeValues merges valuesFrom and values with the controller's own code.
func composeValues(ctx context.Context, in render.Input, p *Prepared) *Failed {
	hr := p.HelmRelease
	for i, v := range hr.Spec.ValuesFrom {
		ref := valuesRef(hr, v)
		if _, presence := render.Content(ctx, in.Cluster, ref); presence == render.Unsure {
			return unknown(in, finding.Problem{
				Reason: ReasonValuesUnknown, Field: item("/spec/valuesFrom", i),
				Message: fmt.Sprintf("values come from %s %q, whose content is not known here", ref.Kind, ref.Name),
			})
		}
	}
	client := reader.New(ctx, in.Cluster)
	values, err := chartutil.ChartValuesFromReferences(ctx, logr.Discard(), client, hr.Namespace, hr.GetValues(), hr.Spec.ValuesFrom...)
	if err != nil {
		return failed(in, notReady("ValuesError", err.Error()), finding.Problem{
			Reason: ReasonValues, Field: failingReference(ctx, in, p), Message: err.Error(),
			Hint: "create the object or the key, correct the reference, or set \"optional: true\"",
		})
	}
	p.Values = values.AsMap()
	return nil
}

// failingReference is the first entry of valuesFrom with which values cannot be
// composed.
func failingReference(ctx context.Context, in render.Input, p *Prepared) string {
	hr := p.HelmRelease
	client := reader.New(ctx, in.Cluster)
	for i := range hr.Spec.ValuesFrom {
		if _, err := chartutil.ChartValuesFromReferences(ctx, logr.Discard(), client, hr.Namespace, hr.GetValues(), hr.Spec.ValuesFrom[:i+1]...); err != nil {
			return item("/spec/valuesFrom", i)
		}
	}
	return "/spec/valuesFrom"
}
