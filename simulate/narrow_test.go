package simulate

import (
	"testing"

	"sigs.k8s.io/yaml"
)

func TestFirstDifference(t *testing.T) {
	for _, c := range []struct{ why, was, is, want string }{
		{"a label that is added", "{matchLabels: {app: web}}", "{matchLabels: {app: web, team: shop}}", "/matchLabels/team"},
		{"a size in a list", "[{metadata: {name: data}, spec: {size: 1Gi, mode: Filesystem}}]", "[{metadata: {name: data}, spec: {size: 2Gi}}]", "/0/spec/size"},
		{"lists of other lengths differ as a whole", "{ports: [1]}", "{ports: [1, 2]}", "/ports"},
		{"a default is no difference", "{a: 1, mode: Filesystem}", "{a: 1}", ""},
		{"another type", "{a: {b: c}}", "{a: text}", "/a"},
		{"an empty map where there was none", "{}", "{a: {}}", "/a"},
		{"values that are not maps", "one", "two", ""},
	} {
		var was, is any
		for _, v := range []struct {
			text string
			into *any
		}{{c.was, &was}, {c.is, &is}} {
			if err := yaml.Unmarshal([]byte(v.text), v.into); err != nil {
				t.Fatal(err)
			}
		}
		if got := firstDifference(was, is); got != c.want {
			t.Errorf("%s: got %q, want %q", c.why, got, c.want)
		}
	}
}
