package rules

import (
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/render"
	"github.com/flux-rehearse/flux-rehearse/validate"
)

// given are the namespaces that every cluster with Flux has.
var given = []string{"default", "kube-system", "kube-public", "kube-node-lease", "flux-system"}

func init() {
	register(validate.Rule{
		ID:       "namespace/never-created",
		Severity: finding.Warning,
		Summary:  "an object is put into a namespace that nothing in the repository creates",
		Why:      "Unless somebody creates the namespace by hand, the apply fails with \"namespaces not found\", and nothing of the owner is applied.",
		Fix:      "add a Namespace object to an owner that comes first, or correct the name",
		Since:    "0.1.0",
		Reads:    validate.ReadsWorld,
		Check: func(p *validate.Pass) {
			known := namespaces(p.World)
			for _, out := range p.World.Outcomes {
				reported := map[string]bool{}
				for _, o := range out.Applies {
					ns := o.GetNamespace()
					namespaced, sure := p.Catalog.Namespaced(o.GroupVersionKind().GroupKind())
					if ns == "" || known[ns] || reported[ns] || !sure || !namespaced || !live(p.World, o) {
						continue
					}
					reported[ns] = true
					p.ReportAt(o, "/metadata/namespace", fmt.Sprintf("nothing creates namespace %q, which %s needs", ns, o.Ref()))
				}
			}
		},
	})
}

// namespaces lists those that exist or that the World creates.
func namespaces(w *render.World) map[string]bool {
	known := map[string]bool{}
	for _, ns := range given {
		known[ns] = true
	}
	for _, s := range w.Seeds {
		known[s.GetNamespace()] = true
	}
	for _, o := range w.Objects() {
		if o.GetKind() == "Namespace" && o.GroupVersionKind().Group == "" {
			known[o.GetName()] = true
		}
	}
	for _, out := range w.Outcomes {
		create, _, _ := unstructured.NestedBool(out.Object.Object, "spec", "install", "createNamespace")
		if target, _, _ := unstructured.NestedString(out.Object.Object, "spec", "targetNamespace"); create && target != "" {
			known[target] = true
		}
		// What an owner would create if its content were at hand is not known.
		if out.State == render.Unknown {
			for _, ns := range unseen(w, out) {
				known[ns] = true
			}
		}
	}
	return known
}

// unseen lists the namespaces of objects that wait for an owner whose content is unknown.
func unseen(w *render.World, owner *render.Outcome) []string {
	var out []string
	for _, o := range w.Outcomes {
		if slices.ContainsFunc(dependsOn(o.Object), func(d reference) bool { return d.Ref == owner.Object.Ref() }) {
			for _, a := range o.Applies {
				out = append(out, a.GetNamespace())
			}
		}
	}
	return out
}
