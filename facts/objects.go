package facts

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/flux-rehearse/flux-rehearse/finding"
)

// value is what an object holds at a path, nil when there is nothing.
func value(obj any, path ...string) any {
	for _, token := range path {
		m, _ := obj.(map[string]any)
		obj = m[token]
	}
	return obj
}

func text(obj any, path ...string) string {
	s, _ := value(obj, path...).(string)
	return s
}

func items(obj any, path ...string) []any {
	list, _ := value(obj, path...).([]any)
	return list
}

func number(obj any, path ...string) (int64, bool) {
	switch n := value(obj, path...).(type) {
	case int64:
		return n, true
	case float64:
		return int64(n), true
	}
	return 0, false
}

func truth(obj any, path ...string) bool {
	b, _ := value(obj, path...).(bool)
	return b
}

func labelMap(obj map[string]any) map[string]any {
	m, _ := value(obj, "metadata", "labels").(map[string]any)
	return m
}

// refOf names an object.
func refOf(obj map[string]any) finding.Ref {
	group, _, grouped := strings.Cut(text(obj, "apiVersion"), "/")
	if !grouped {
		group = ""
	}
	return finding.Ref{Group: group, Kind: text(obj, "kind"), Namespace: text(obj, "metadata", "namespace"), Name: text(obj, "metadata", "name")}
}

// template is where a kind holds the description of its pods.
type template struct {
	group, kind string
	path        []string // of what has metadata and spec
	rolls       bool     // a new template replaces the pods
}

var templates = []template{
	{"", "Pod", nil, false},
	{"", "ReplicationController", []string{"spec", "template"}, false},
	{"apps", "DaemonSet", []string{"spec", "template"}, true},
	{"apps", "Deployment", []string{"spec", "template"}, true},
	{"apps", "ReplicaSet", []string{"spec", "template"}, false},
	{"apps", "StatefulSet", []string{"spec", "template"}, true},
	{"batch", "CronJob", []string{"spec", "jobTemplate", "spec", "template"}, false},
	{"batch", "Job", []string{"spec", "template"}, false},
}

func templateOf(ref finding.Ref) (template, bool) {
	for _, t := range templates {
		if t.group == ref.Group && t.kind == ref.Kind {
			return t, true
		}
	}
	return template{}, false
}

// RunsPods reports whether objects of a kind describe pods.
func RunsPods(group, kind string) bool {
	_, ok := templateOf(finding.Ref{Group: group, Kind: kind})
	return ok
}

// pointer leads to a member of the pod.
func (t template) pointer(more ...string) string {
	return finding.Pointer(append(append([]string{}, t.path...), more...)...)
}

// spec is the spec of the pods of an object.
func (t template) spec(obj map[string]any) map[string]any {
	m, _ := value(value(obj, t.path...), "spec").(map[string]any)
	return m
}

// container is a container of a pod, and where it is.
type container struct {
	list, name string
	index      int
	value      map[string]any
}

func (c container) pointer(t template, more ...string) string {
	return t.pointer(append([]string{"spec", c.list, strconv.Itoa(c.index)}, more...)...)
}

// containers lists the containers of a pod in the order in which they start.
func containers(spec map[string]any) []container {
	var out []container
	for _, list := range []string{"initContainers", "containers"} {
		for i, item := range items(spec, list) {
			m, _ := item.(map[string]any)
			out = append(out, container{list, text(m, "name"), i, m})
		}
	}
	return out
}

func find(list []container, c container) (container, bool) {
	for _, have := range list {
		if have.list == c.list && have.name == c.name {
			return have, true
		}
	}
	return container{}, false
}

// sortedKeys and sortedRefs list the keys of a map in their order.
func sortedKeys[T any](m map[string]T) []string { return slices.Sorted(maps.Keys(m)) }

func sortedRefs[T any](m map[finding.Ref]T) []finding.Ref {
	return slices.SortedFunc(maps.Keys(m), finding.Ref.Compare)
}

// agree is the form of a word that goes with a number.
func agree(n int, one, more string) string {
	if n == 1 {
		return one
	}
	return more
}

// counted writes a number with its noun.
func counted(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

func quoted(words []string) string {
	out := make([]string, len(words))
	for i, w := range words {
		out[i] = strconv.Quote(w)
	}
	return strings.Join(out, ", ")
}
