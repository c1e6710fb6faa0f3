package rules

import (
	"fmt"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/render"
	"github.com/flux-rehearse/flux-rehearse/validate"
)

func init() {
	register(validate.Rule{
		ID:       "health/check-missing",
		Severity: finding.Warning,
		Summary:  "a health check names an object that nothing creates",
		Why: "The Kustomization waits for the object until its timeout, fails its health check and blocks whoever depends on it. " +
			"It is not reported where an operator or an owner whose content is not at hand may create the object.",
		Fix:   "correct apiVersion, kind, name or namespace of the entry, or remove it",
		Since: "0.1.0",
		Reads: validate.ReadsWorld,
		Check: func(p *validate.Pass) {
			strict(p)
			if obscure(p.World) || !complete(p.World) {
				return
			}
			for _, out := range active(p.World) {
				if elsewhereApplied(out.Object) {
					continue
				}
				for _, check := range healthChecks(out.Object) {
					namespaced, known := p.Catalog.Namespaced(groupKind(check.Ref))
					if !known || namespaced && check.Namespace == "" || p.World.Object(check.Ref) != nil || operated(p, check.Ref) {
						continue
					}
					p.ReportAt(out.Object, check.Pointer, fmt.Sprintf("nothing creates %s, whose health is checked", check.Ref))
				}
			}
		},
	})
}

// operated reports whether a controller other than Flux may make the object:
// one that works on a custom resource, or one that the cluster brings itself.
func operated(p *validate.Pass, ref finding.Ref) bool {
	if ref.Group == kustomizeGroup || ref.Group == helmGroup || ref.Group == sourceGroup {
		return false
	}
	if ref.Namespace == "kube-system" {
		return true
	}
	for _, o := range p.World.Objects() {
		if _, fluxKind := fluxGroups[o.GroupVersionKind().Group]; !fluxKind && custom(p, o) {
			return true
		}
	}
	return false
}

var fluxGroups = map[string]bool{
	kustomizeGroup: true, helmGroup: true, sourceGroup: true, notificationGroup: true, imageGroup: true,
	"source.extensions.fluxcd.io": true,
}

// custom reports whether the kind of an object is not built in.
func custom(p *validate.Pass, o *render.Object) bool {
	return p.Catalog.Lookup(o.GroupVersionKind()).Source != "builtin"
}
