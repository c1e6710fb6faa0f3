package simulate

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// domain is what a rule of an admission policy is about: resources of groups, "*"
// for any.
type domain struct {
	groups, resources []string
	asks              bool // the policy may decide by more than the object and its namespace
}

// everything is the domain of a policy that does not say what it is about.
var everything = domain{[]string{"*"}, []string{"*"}, true}

// domainsOf are those of an admission policy. Versions do not count: a policy is
// about an object in whatever version it is sent.
func domainsOf(policy map[string]any) []domain {
	rules, _, _ := unstructured.NestedSlice(policy, "spec", "matchConstraints", "resourceRules")
	text, err := json.Marshal(policy)
	asks := err != nil || bytes.Contains(text, []byte(`"paramKind":{`)) || bytes.Contains(text, []byte("authorizer"))
	var out []domain
	for _, rule := range rules {
		m, _ := rule.(map[string]any)
		groups, _, _ := unstructured.NestedStringSlice(m, "apiGroups")
		resources, _, _ := unstructured.NestedStringSlice(m, "resources")
		out = append(out, domain{groups, resources, asks})
	}
	if len(out) == 0 {
		return []domain{everything}
	}
	return out
}

// has reports whether objects of a resource are in the domain.
func (d domain) has(group, resource string) bool {
	return (slices.Contains(d.groups, "*") || slices.Contains(d.groups, group)) &&
		slices.ContainsFunc(d.resources, func(name string) bool {
			name, _, _ = strings.Cut(name, "/")
			return name == "*" || name == resource
		})
}
