package simulate

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
)

func TestNews(t *testing.T) {
	services := schema.GroupResource{Resource: "services"}
	n := newNews()
	add := func(path string) {
		r, _ := parseRequest(path)
		n.add(r)
	}
	for _, row := range []struct {
		why   string
		paths []string
		want  []types.NamespacedName
		some  bool
	}{
		{"any object is new at first", []string{"/api/v1/namespaces/a/services/x"}, nil, false},
		{"nobody has written anything", nil, nil, true},
		{"several, also twice", []string{"/api/v1/namespaces/b/services/x", "/api/v1/namespaces/a/services/y", "/api/v1/namespaces/b/services/x/scale"},
			[]types.NamespacedName{{Namespace: "a", Name: "y"}, {Namespace: "b", Name: "x"}}, true},
		{"another kind", []string{"/api/v1/namespaces/a/secrets/x"}, nil, true},
		{"a name that the server chooses", []string{"/api/v1/namespaces/a/services/x", "/api/v1/namespaces/a/services"}, nil, false},
		{"all of it is told once", nil, nil, true},
	} {
		for _, path := range row.paths {
			add(path)
		}
		names, some := n.take(services)
		if d := cmp.Diff(row.want, names); d != "" || some != row.some {
			t.Errorf("%s: some is %v, names (-want +got):\n%s", row.why, some, d)
		}
	}
}
