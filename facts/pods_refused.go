package facts

import (
	"strings"

	"github.com/flux-rehearse/flux-rehearse/finding"
)

var podsRefused = Kind{
	ID: "pods-refused", Severity: finding.Error,
	Summary: "the API server would refuse the pods of a workload that it accepts",
	Why: `Pod Security, quotas, limits and most policies look at pods, not at what makes them. A Deployment is applied without a word, Flux
reports it as applied, and no pod ever comes: only the events of its ReplicaSet say why. The replay asks the API server for one pod of each template.`,
	Check: "change the template, or what its namespace allows",
	find:  findPodsRefused,
}

// Verdict is what the API server says to a pod of a workload.
type Verdict struct {
	Ref, Owner finding.Ref
	Message    string
	At         func(pointer string) finding.Position
}

// parts of a template that a refusal is about, by what the message holds.
var refusedFor = []struct {
	text string
	path []string
}{
	{"error looking up service account", []string{"spec", "serviceAccountName"}},
	{"no PriorityClass with name", []string{"spec", "priorityClassName"}},
	{"RuntimeClass", []string{"spec", "runtimeClassName"}},
}

func findPodsRefused(s Step) []finding.Fact {
	var out []finding.Fact
	for _, v := range s.Refused {
		t, ok := templateOf(v.Ref)
		if !ok {
			continue
		}
		pointer := t.pointer("spec")
		for _, r := range refusedFor {
			if strings.Contains(v.Message, r.text) {
				pointer = t.pointer(r.path...)
			}
		}
		f := finding.Fact{Object: v.Ref, Owner: v.Owner, Field: pointer, Message: "its pods would be refused: " + v.Message}
		if v.At != nil {
			f.Pos = v.At(pointer)
		}
		out = append(out, f)
	}
	return out
}

// PodOf is a pod as a workload makes it, nil for a kind that runs none.
func PodOf(obj map[string]any) map[string]any {
	ref := refOf(obj)
	t, ok := templateOf(ref)
	spec := t.spec(obj)
	if !ok || spec == nil || len(t.path) == 0 {
		return nil
	}
	meta := map[string]any{"name": ref.Name + "-0", "namespace": ref.Namespace}
	from, _ := value(value(obj, t.path...), "metadata").(map[string]any)
	for _, k := range []string{"labels", "annotations"} {
		if m, ok := from[k]; ok {
			meta[k] = m
		}
	}
	return map[string]any{"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec}
}
