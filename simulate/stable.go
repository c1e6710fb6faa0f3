package simulate

import (
	"regexp"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// Marks that stand for what is different in every run.
const (
	markUID     = "<uid>"
	markDeleted = "<set>"
	markTime    = "<time>"
	markVersion = "<version>"
)

// quotedTime and quotedVersion are in a message that quotes an object as JSON.
var (
	quotedTime    = regexp.MustCompile(`(\\*"(?:creationTimestamp|deletionTimestamp|time)\\*":\\*")[0-9TZ:.-]+`)
	quotedVersion = regexp.MustCompile(`(\\*"resourceVersion\\*":\\*")[0-9]+`)
)

// uids are the uids that the server has given.
type uids struct {
	known    map[string]bool
	replacer *strings.Replacer // nil when a uid came since it was made
}

func (s *uids) learn(obj map[string]any) {
	if obj == nil {
		return
	}
	if uid := string((&unstructured.Unstructured{Object: obj}).GetUID()); uid != "" && !s.known[uid] {
		s.known[uid] = true
		s.replacer = nil
	}
}

// message masks uids, times and versions of objects, and puts what the server lists in
// any order into one order.
func (s *uids) message(v string) string {
	v = quotedTime.ReplaceAllString(s.text(sortedErrors(v)), "${1}"+markTime)
	return quotedVersion.ReplaceAllString(v, "${1}"+markVersion)
}

// sortedErrors sorts the lines that follow "errors:", which the server prints
// in the order of a map.
func sortedErrors(v string) string {
	head, tail, ok := strings.Cut(v, "errors:\n")
	if !ok {
		return v
	}
	lines := strings.Split(tail, "\n")
	n := 0
	for n < len(lines) && strings.HasPrefix(lines[n], "  ") {
		n++
	}
	slices.Sort(lines[:n])
	return head + "errors:\n" + strings.Join(lines, "\n")
}

// text masks uids.
func (s *uids) text(v string) string {
	if len(v) < 36 {
		return v
	}
	if s.replacer == nil {
		list := make([]string, 0, len(s.known))
		for uid := range s.known {
			list = append(list, uid)
		}
		slices.Sort(list)
		var pairs []string
		for _, uid := range list {
			pairs = append(pairs, uid, markUID)
		}
		s.replacer = strings.NewReplacer(pairs...)
	}
	return s.replacer.Replace(v)
}

func (s *uids) value(v any) any {
	switch v := v.(type) {
	case string:
		return s.text(v)
	case map[string]any:
		for k, e := range v {
			v[k] = s.value(e)
		}
	case []any:
		for i, e := range v {
			v[i] = s.value(e)
		}
	}
	return v
}

// stable returns a copy of an object in which nothing differs between two runs:
// uids and times are masked, what the server allocated is left out.
func (s *uids) stable(obj map[string]any) map[string]any {
	if obj == nil {
		return nil
	}
	u := (&unstructured.Unstructured{Object: obj}).DeepCopy()
	if u.GetKind() == "Service" && u.GetAPIVersion() == "v1" {
		withoutAllocations(u)
	}
	if u.GetDeletionTimestamp() != nil {
		_ = unstructured.SetNestedField(u.Object, markDeleted, "metadata", "deletionTimestamp")
		unstructured.RemoveNestedField(u.Object, "metadata", "deletionGracePeriodSeconds")
	}
	s.value(u.Object)
	return u.Object
}

// withoutAllocations removes the addresses and ports of a Service that nobody
// asked for.
func withoutAllocations(u *unstructured.Unstructured) {
	asked := func(field string) bool {
		return slices.ContainsFunc(u.GetManagedFields(), func(m metav1.ManagedFieldsEntry) bool {
			return m.FieldsV1 != nil && strings.Contains(m.FieldsV1.GetRawString(), `"f:`+field+`"`)
		})
	}
	if !asked("clusterIP") && !asked("clusterIPs") {
		if ip, _, _ := unstructured.NestedString(u.Object, "spec", "clusterIP"); ip != "None" {
			unstructured.RemoveNestedField(u.Object, "spec", "clusterIP")
			unstructured.RemoveNestedField(u.Object, "spec", "clusterIPs")
		}
	}
	if !asked("healthCheckNodePort") {
		unstructured.RemoveNestedField(u.Object, "spec", "healthCheckNodePort")
	}
	if asked("nodePort") {
		return
	}
	ports, _, _ := unstructured.NestedSlice(u.Object, "spec", "ports")
	for _, p := range ports {
		if m, ok := p.(map[string]any); ok {
			delete(m, "nodePort")
		}
	}
	if ports != nil {
		_ = unstructured.SetNestedSlice(u.Object, ports, "spec", "ports")
	}
}
