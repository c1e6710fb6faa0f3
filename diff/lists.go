package diff

import (
	"fmt"
	"strings"
)

// listKey is how the items of a list are told apart. Parts names the members,
// the first of which every item has. A missing protocol is TCP.
type listKey struct{ parts []string }

// listKeys are the natural keys, tried in this order. They are the list-map
// keys of the Kubernetes schemas, and what custom resources commonly use.
var listKeys = []listKey{
	{[]string{"name"}},
	{[]string{"name", "namespace"}},
	{[]string{"name", "namespace", "kind"}},
	{[]string{"key"}},
	{[]string{"containerPort", "protocol"}},
	{[]string{"port", "protocol"}},
	{[]string{"mountPath"}},
	{[]string{"devicePath"}},
	{[]string{"ip"}},
	{[]string{"path"}},
	{[]string{"host"}},
	{[]string{"topologyKey", "whenUnsatisfiable"}},
	{[]string{"uid"}},
	{[]string{"id"}},
	{[]string{"type"}},
}

// naturalKey returns the first key that tells all items of both lists apart.
func naturalKey(before, after []any) (listKey, bool) {
	for _, k := range listKeys {
		if len(before)+len(after) > 0 && k.fits(before) && k.fits(after) {
			return k, true
		}
	}
	return listKey{}, false
}

func (k listKey) fits(items []any) bool {
	seen := make(map[string]bool, len(items))
	for _, item := range items {
		name, ok := k.name(item)
		if !ok || seen[name] {
			return false
		}
		seen[name] = true
	}
	return true
}

// name is the key of one item, as shown to people.
func (k listKey) name(item any) (string, bool) {
	m, ok := item.(map[string]any)
	if !ok {
		return "", false
	}
	words := make([]string, 0, len(k.parts))
	for i, part := range k.parts {
		v, has := m[part]
		switch v.(type) {
		case map[string]any, []any:
			return "", false
		}
		switch {
		case has && v != nil:
			words = append(words, fmt.Sprint(v))
		case i == 0:
			return "", false
		case part == "protocol":
			words = append(words, "TCP")
		default:
			words = append(words, "")
		}
	}
	return strings.TrimRight(strings.Join(words, "/"), "/"), true
}

func (k listKey) names(items []any) []string {
	out := make([]string, len(items))
	for i, item := range items {
		out[i], _ = k.name(item)
	}
	return out
}

func (k listKey) index(items []any) map[string]int {
	out := make(map[string]int, len(items))
	for i, name := range k.names(items) {
		out[name] = i
	}
	return out
}

// common keeps the names that the other list has too.
func common(names []string, other map[string]int) []string {
	out := make([]string, 0, len(names))
	for _, name := range names {
		if _, ok := other[name]; ok {
			out = append(out, name)
		}
	}
	return out
}

func anyList(names []string) []any {
	out := make([]any, len(names))
	for i, name := range names {
		out[i] = name
	}
	return out
}
