package rules

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/render"
	"github.com/flux-rehearse/flux-rehearse/validate"
)

func init() {
	register(validate.Rule{
		ID:       "reference/object-missing",
		Severity: finding.Error,
		Summary:  "a notification or image object names a Flux object that does not exist",
		Why: "An Alert without its Provider sends nothing, an event source that does not exist sends no events, and an ImagePolicy or " +
			"ImageUpdateAutomation without its source never becomes ready. It is not reported where the object may come from an owner whose content is not at hand.",
		Fix:   "correct kind, name and namespace of the reference; the namespace is that of the object unless one is given",
		Since: "0.1.0",
		Reads: validate.ReadsWorld,
		Check: func(p *validate.Pass) {
			if obscure(p.World) {
				return
			}
			for _, o := range applied(p.World) {
				if specFlag(o, "suspend") {
					continue
				}
				for _, l := range links[[2]string{o.GroupVersionKind().Group, o.GetKind()}] {
					reportLinks(p, o, l)
				}
			}
		},
	})
}

// link is a field that names other Flux objects. Kind and group are what it
// names where the reference gives no kind.
type link struct {
	field       string
	group, kind string
	list        bool
	severity    finding.Severity
}

var links = map[[2]string][]link{
	{notificationGroup, "Alert"}: {
		{field: "providerRef", group: notificationGroup, kind: "Provider", severity: finding.Error},
		{field: "eventSources", list: true, severity: finding.Warning},
	},
	{notificationGroup, "Receiver"}: {{field: "resources", list: true, severity: finding.Warning}},
	{imageGroup, "ImagePolicy"}:     {{field: "imageRepositoryRef", group: imageGroup, kind: "ImageRepository", severity: finding.Error}},
	{imageGroup, "ImageUpdateAutomation"}: {
		{field: "sourceRef", severity: finding.Error},
	},
}

// groupOf are the groups of the kinds that references name without one.
var groupOf = map[string]string{
	"Bucket": sourceGroup, "GitRepository": sourceGroup, "HelmChart": sourceGroup, "HelmRepository": sourceGroup,
	"OCIRepository": sourceGroup, "Kustomization": kustomizeGroup, "HelmRelease": helmGroup,
	"ImageRepository": imageGroup, "ImagePolicy": imageGroup, "ImageUpdateAutomation": imageGroup,
}

func reportLinks(p *validate.Pass, o *render.Object, l link) {
	items := []any{spec(o)[l.field]}
	pointer := finding.Pointer("spec", l.field)
	if l.list {
		items, _ = spec(o)[l.field].([]any)
	}
	for i, item := range items {
		m, _ := item.(map[string]any)
		at := pointer
		if l.list {
			at += finding.Pointer(strconv.Itoa(i))
		}
		ref, ok := l.resolve(o, m)
		if !ok || exists(p.World, ref) {
			continue
		}
		p.Report(finding.Finding{
			Object: o.Ref(), Severity: l.severity, Field: at + "/name", Pos: o.At(at + "/name"), Chain: o.Chain(),
			Message: fmt.Sprintf("%s \"%s/%s\" does not exist", ref.Kind, ref.Namespace, ref.Name),
		})
	}
}

// resolve names what a reference is about; false for a wildcard and for kinds
// whose objects a controller makes.
func (l link) resolve(o *render.Object, m map[string]any) (finding.Ref, bool) {
	ref := finding.Ref{Group: l.group, Kind: l.kind, Namespace: o.GetNamespace()}
	if kind, _ := m["kind"].(string); kind != "" && l.kind == "" {
		ref.Kind, ref.Group = kind, groupOf[kind]
	}
	ref.Name, _ = m["name"].(string)
	if ns, _ := m["namespace"].(string); ns != "" {
		ref.Namespace = ns
	}
	return ref, ref.Name != "" && ref.Name != "*" && ref.Group != "" && ref.Kind != "HelmChart"
}

// exists also looks at what the Entry starts with.
func exists(w *render.World, ref finding.Ref) bool {
	return w.Object(ref) != nil || slices.Contains([]finding.Ref{w.Entry.Source, w.Entry.Root}, ref)
}
