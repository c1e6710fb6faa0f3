package rules

import (
	"fmt"
	"slices"
	"strings"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/render"
	"github.com/flux-rehearse/flux-rehearse/validate"
)

func init() {
	register(validate.Rule{
		ID:       "namespace/never-created",
		Severity: finding.Warning,
		Summary:  "an object is put into a namespace that nothing in the repository creates",
		Why: "Unless somebody creates the namespace by other means, the apply fails with \"namespaces not found\", " +
			"and nothing of the owner is applied. It is not reported where an owner whose content is not at hand may create it.",
		Fix:   "add a Namespace object to this owner or to one that it depends on, or correct the name",
		Since: "0.1.0",
		Reads: validate.ReadsWorld,
		Check: func(p *validate.Pass) {
			strict(p)
			known := namespaces(p.World)
			if known == nil {
				return
			}
			for _, out := range active(p.World) {
				if out.State == render.Rendered && !elsewhereApplied(out.Object) {
					reportNamespaces(p, out, known)
				}
			}
		},
	})
}

// reportNamespaces reports the first object of each unknown namespace. That of
// a release is another rule's.
func reportNamespaces(p *validate.Pass, out *render.Outcome, known map[string]bool) {
	reported := map[string]bool{}
	if out.Release != nil {
		reported[out.Release.Namespace] = true
	}
	for _, o := range out.Applies {
		ns := o.GetNamespace()
		namespaced, sure := p.Catalog.Namespaced(o.GroupVersionKind().GroupKind())
		if ns == "" || known[ns] || reported[ns] || provided(ns) || !sure || !namespaced || ignored(o) {
			continue
		}
		reported[ns] = true
		p.ReportAt(o, "/metadata/namespace", fmt.Sprintf("nothing creates namespace %q, which %s needs", ns, o.Ref()))
	}
}

// provided reports whether the cluster or its vendor brings the namespace.
func provided(ns string) bool {
	return ns == "default" || slices.ContainsFunc([]string{"kube-", "openshift", "gke-", "gmp-", "amazon-", "aws-", "azure", "cattle-"},
		func(prefix string) bool { return strings.HasPrefix(ns, prefix) })
}

// namespaces lists those that the World has or creates, nil when that is not
// known.
func namespaces(w *render.World) map[string]bool {
	if obscure(w) {
		return nil
	}
	known := map[string]bool{w.Entry.Root.Namespace: true, "flux-system": true}
	for _, s := range w.Seeds {
		known[s.GetNamespace()] = true
	}
	for _, o := range w.Objects() {
		ref := o.Ref()
		switch {
		case ref.Group == "" && ref.Kind == "Namespace":
			known[ref.Name] = true
		case o.Origin.Outside, unbooted(w) && strings.HasSuffix(ref.Group, ".toolkit.fluxcd.io"):
			known[ref.Namespace] = true
		case slices.Contains(namespaceMakers[ref.Group], ref.Kind):
			return nil
		}
	}
	for _, out := range w.Outcomes {
		if out.Release == nil || specFlag(out.Object, "install", "createNamespace") {
			known[specText(out.Object, "targetNamespace")] = true
		}
		for _, hook := range out.Hooks {
			if hook.GetKind() == "Namespace" {
				known[hook.GetName()] = true
			}
		}
	}
	return known
}

// unbooted reports whether the repository does not say how Flux was installed,
// and so neither which namespaces came with it.
func unbooted(w *render.World) bool {
	return w.Entry.Found != "gotk-sync" && w.Entry.Found != "flux-instance"
}

// namespaceMakers are kinds whose controllers create namespaces.
var namespaceMakers = map[string][]string{
	"capsule.clastix.io":          {"Tenant"},
	"hnc.x-k8s.io":                {"SubnamespaceAnchor"},
	"operator.tigera.io":          {"Installation"},
	"project.openshift.io":        {"Project"},
	"management.loft.sh":          {"Space"},
	"storage.loft.sh":             {"Space"},
	"redhatcop.redhat.io":         {"NamespaceConfig"},
	"platform.giantswarm.io":      {"Organization"},
	"security.giantswarm.io":      {"Organization"},
	"kyverno.io":                  {"ClusterPolicy"},
	"policies.kyverno.io":         {"GeneratingPolicy"},
	"tenancy.x-k8s.io":            {"Tenant"},
	"multitenancy.stakater.com":   {"Tenant"},
	"tenantoperator.stakater.com": {"Tenant"},
}
