package facts

import (
	"reflect"
	"slices"
	"strings"

	"github.com/flux-rehearse/flux-rehearse/finding"
)

var staleEnvironment = Kind{
	ID: "stale-environment", Severity: finding.Warning,
	Summary: "a ConfigMap or Secret changes, and the pods that read it are not restarted",
	Why: `Environment variables, and files that are mounted with subPath, are read once, when a pod starts. The new values arrive with the
next restart, whenever that is: at worst at night, when a node fails.`,
	Check: "restart what reads it, or let its name carry a hash of its content (configMapGenerator, secretGenerator)",
	find:  findStaleEnvironment,
}

func findStaleEnvironment(s Step) []finding.Fact {
	restart := map[finding.Ref]bool{}
	for _, o := range s.Objects {
		restart[o.Ref] = restart[o.Ref] || restarts(o) || !o.altered()
	}
	var out []finding.Fact
	for _, o := range s.Objects {
		if o.Ref.Group != "" || o.Ref.Kind != "ConfigMap" && o.Ref.Kind != "Secret" || !o.altered() {
			continue
		}
		keys := changedKeys(o.Before, o.After)
		if len(keys) == 0 {
			continue
		}
		for _, w := range s.Workloads {
			ref := refOf(w)
			t, ok := templateOf(ref)
			if n, set := number(w, "spec", "replicas"); set && n == 0 {
				continue
			}
			if !ok || !t.rolls || restart[ref] || ref.Namespace != o.Ref.Namespace {
				continue
			}
			if read := (reader{o.Ref, keys}).reads(t.spec(w)); len(read) > 0 {
				f := o.fact("/data", ref.String()+" reads "+quoted(read)+" of it when its pods start, and is not restarted")
				f.Others = []finding.Ref{ref}
				out = append(out, f)
			}
		}
	}
	return out
}

// changedKeys lists the keys whose values differ, sorted.
func changedKeys(before, after map[string]any) []string {
	var out []string
	for _, field := range []string{"data", "binaryData"} {
		a, _ := before[field].(map[string]any)
		b, _ := after[field].(map[string]any)
		for k := range a {
			if !reflect.DeepEqual(a[k], b[k]) {
				out = append(out, k)
			}
		}
		for k := range b {
			if _, had := a[k]; !had {
				out = append(out, k)
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// reader finds which keys of a ConfigMap or Secret a pod reads once.
type reader struct {
	ref  finding.Ref
	keys []string
}

func (r reader) reads(spec map[string]any) []string {
	name := strings.ToLower(r.ref.Kind[:1]) + r.ref.Kind[1:]
	var out []string
	for _, c := range containers(spec) {
		for _, e := range items(c.value, "env") {
			from := value(e, "valueFrom", name+"KeyRef")
			if key := text(from, "key"); text(from, "name") == r.ref.Name && slices.Contains(r.keys, key) {
				out = append(out, key)
			}
		}
		for _, e := range items(c.value, "envFrom") {
			if text(e, name+"Ref", "name") == r.ref.Name {
				out = append(out, r.keys...)
			}
		}
		for _, m := range items(c.value, "volumeMounts") {
			if text(m, "subPath") != "" && r.mounted(spec, text(m, "name")) {
				out = append(out, r.file(spec, text(m, "name"), text(m, "subPath"))...)
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func (r reader) volume(spec map[string]any, name string) any {
	for _, v := range items(spec, "volumes") {
		if text(v, "name") == name {
			if r.ref.Kind == "Secret" {
				return value(v, "secret")
			}
			return value(v, "configMap")
		}
	}
	return nil
}

func (r reader) mounted(spec map[string]any, name string) bool {
	v := r.volume(spec, name)
	return v != nil && (text(v, "name") == r.ref.Name || text(v, "secretName") == r.ref.Name)
}

// file is the key that a file of a volume comes from, if it changes.
func (r reader) file(spec map[string]any, volume, path string) []string {
	key := path
	for _, item := range items(r.volume(spec, volume), "items") {
		if text(item, "path") == path {
			key = text(item, "key")
		}
	}
	if slices.Contains(r.keys, key) {
		return []string{key}
	}
	return nil
}
