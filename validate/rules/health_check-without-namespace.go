package rules

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/render"
	"github.com/flux-rehearse/flux-rehearse/validate"
)

func init() {
	register(validate.Rule{
		ID:       "health/check-without-namespace",
		Severity: finding.Error,
		Summary:  "a health check of a namespaced object names no namespace",
		Why:      "The namespace is not defaulted. The object is not found, and the Kustomization fails its health check each time.",
		Fix:      "add the namespace to the entry of spec.healthChecks",
		Since:    "0.1.0",
		Reads:    validate.ReadsWorld,
		Check: func(p *validate.Pass) {
			for _, out := range active(p.World) {
				for _, check := range healthChecks(out.Object) {
					namespaced, known := p.Catalog.Namespaced(groupKind(check.Ref))
					if known && namespaced && check.Namespace == "" {
						p.ReportAt(out.Object, check.Pointer, fmt.Sprintf("the health check of %s %q has no namespace", check.Kind, check.Name))
					}
				}
			}
		},
	})
}

// healthChecks reads spec.healthChecks of a Kustomization, empty where
// spec.wait makes the controller ignore them. No namespace is defaulted.
func healthChecks(o *render.Object) []reference {
	if !isKustomization(o.Ref()) || specFlag(o, "wait") {
		return nil
	}
	list, _ := spec(o)["healthChecks"].([]any)
	var out []reference
	for i, item := range list {
		m, _ := item.(map[string]any)
		r := reference{Pointer: finding.Pointer("spec", "healthChecks", strconv.Itoa(i)), Fields: m}
		r.Kind, _ = m["kind"].(string)
		r.Name, _ = m["name"].(string)
		r.Namespace, _ = m["namespace"].(string)
		version, _ := m["apiVersion"].(string)
		if version == "" {
			version = "apps/v1"
		}
		if group, _, ok := strings.Cut(version, "/"); ok {
			r.Group = group
		}
		out = append(out, r)
	}
	return out
}
