package facts

import (
	"slices"
	"strings"

	"github.com/flux-rehearse/flux-rehearse/finding"
)

var selectsNothing = Kind{
	ID: "selects-nothing", Severity: finding.Warning,
	Summary: "a Service, PodDisruptionBudget, NetworkPolicy, Ingress or HTTPRoute leads to nothing any more",
	Why: `The server takes any selector. A Service that selects nothing answers nothing, a budget protects nothing, and a policy that
selects nothing lets everything through. It selected a workload of the cluster before, and its selector or the labels of the pods have changed.
The same goes for an Ingress or HTTPRoute to a Service, or a port of one, that was there before.`,
	Check: "let the selector and the labels of the pods agree, or remove it with the workload",
	find:  findSelectsNothing,
}

// selectors are the kinds that select pods, and where.
var selectors = []struct {
	group, kind string
	path        []string
}{
	{"", "Service", []string{"spec", "selector"}},
	{"networking.k8s.io", "NetworkPolicy", []string{"spec", "podSelector"}},
	{"policy", "PodDisruptionBudget", []string{"spec", "selector"}},
}

// SelectsPods reports whether objects of a kind select pods by their labels.
func SelectsPods(group, kind string) bool {
	return selectorPath(finding.Ref{Group: group, Kind: kind}) != nil
}

func selectorPath(ref finding.Ref) []string {
	for _, s := range selectors {
		if s.group == ref.Group && s.kind == ref.Kind {
			return s.path
		}
	}
	return nil
}

func findSelectsNothing(s Step) []finding.Fact {
	before := map[finding.Ref]map[string]any{}
	for _, obj := range slices.Concat(s.Selectors, s.Runners) {
		before[refOf(obj)] = obj
	}
	for _, o := range s.Objects {
		if delete(before, o.Ref); o.Before != nil {
			before[o.Ref] = o.Before
		}
	}
	var was []map[string]any
	for ref, obj := range before {
		if RunsPods(ref.Group, ref.Kind) {
			was = append(was, obj)
		}
	}
	var out []finding.Fact
	for _, obj := range s.Selectors {
		ref := refOf(obj)
		had := selected(before[ref], was)
		if len(had) == 0 || len(selected(obj, s.Runners)) > 0 {
			continue
		}
		pointer := finding.Pointer(selectorPath(ref)...)
		if empty(value(obj, selectorPath(ref)...)) {
			continue
		}
		f := finding.Fact{Object: ref, Field: pointer, Others: had, Message: "selects no workload of the cluster any more, and selected " + had[0].String() + " before"}
		f.Owner, f.Pos = s.placed(ref, pointer)
		out = append(out, f)
	}
	return append(out, leadsNowhere(s)...)
}

// placed is who applies an object, and where a field of it is declared.
func (s Step) placed(ref finding.Ref, pointer string) (finding.Ref, finding.Position) {
	for _, o := range s.Owners {
		if o.Rendered[ref] != nil {
			return o.Ref, o.place(ref, pointer)
		}
	}
	for _, o := range s.Objects {
		if o.Ref == ref && o.At != nil {
			return o.Owner, o.At(pointer)
		}
	}
	return finding.Ref{}, finding.Position{}
}

// selected lists the workloads whose pods an object selects, sorted. An empty
// selector counts as none: it says all or nothing, whatever the labels are.
func selected(obj map[string]any, runners []map[string]any) []finding.Ref {
	ref := refOf(obj)
	selector := value(obj, selectorPath(ref)...)
	if obj == nil || empty(selector) {
		return nil
	}
	var out []finding.Ref
	for _, w := range runners {
		r := refOf(w)
		t, ok := templateOf(r)
		if !ok || r.Namespace != ref.Namespace {
			continue
		}
		pod, _ := value(value(w, t.path...), "metadata", "labels").(map[string]any)
		if matches(selector, pod, ref.Kind == "Service") {
			out = append(out, r)
		}
	}
	slices.SortFunc(out, finding.Ref.Compare)
	return out
}

func empty(selector any) bool {
	m, _ := selector.(map[string]any)
	plain, _ := m["matchLabels"].(map[string]any)
	list, _ := m["matchExpressions"].([]any)
	_, labels := m["matchLabels"]
	_, expressions := m["matchExpressions"]
	return len(m) == 0 || (labels || expressions) && len(plain)+len(list) == 0
}

// matches reports whether a selector selects labels.
func matches(selector any, labels map[string]any, plain bool) bool {
	wanted, _ := selector.(map[string]any)
	if !plain {
		wanted, _ = value(selector, "matchLabels").(map[string]any)
	}
	for k, v := range wanted {
		if labels[k] != v {
			return false
		}
	}
	for _, e := range items(selector, "matchExpressions") {
		if !plain && !satisfies(e, labels) {
			return false
		}
	}
	return true
}

func satisfies(expression any, labels map[string]any) bool {
	have, ok := labels[text(expression, "key")]
	among := slices.Contains(items(expression, "values"), have)
	switch strings.ToLower(text(expression, "operator")) {
	case "in":
		return ok && among
	case "notin":
		return !ok || !among
	case "exists":
		return ok
	}
	return !ok
}
