package release

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"helm.sh/helm/v4/pkg/kube"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/cli-runtime/pkg/resource"
)

func TestFailuresOfOneKindComeInOneOrder(t *testing.T) {
	var list kube.ResourceList
	failure := map[string]error{}
	for _, o := range []string{"ConfigMap/a", "ConfigMap/a-b", "ConfigMap/c", "Service/d", "Service/e"} {
		kind, name, _ := strings.Cut(o, "/")
		list = append(list, &resource.Info{Namespace: "shop", Name: name, Mapping: &meta.RESTMapping{GroupVersionKind: schema.GroupVersionKind{Version: "v1", Kind: kind}}})
		failure[name] = fmt.Errorf("server-side apply failed for object shop/%s /v1, Kind=%s: no", name, kind)
	}
	want := []error{failure["c"], failure["a"], failure["a-b"], failure["e"], failure["d"]}
	texts := func(list []error) (out []string) {
		for _, e := range list {
			out = append(out, e.Error())
		}
		return out
	}
	for _, came := range [][]string{{"a", "a-b", "c", "d", "e"}, {"c", "a-b", "a", "e", "d"}, {"d", "a-b", "e", "c", "a"}} {
		var err error
		for _, name := range came {
			err = errors.Join(err, failure[name]) // as Helm joins them
		}
		got := separate(err)
		order(list, got)
		if d := cmp.Diff(texts(want), texts(got)); d != "" {
			t.Errorf("failures that came as %v (-want +got):\n%s", came, d)
		}
	}
	own := fmt.Errorf("both %w and %w", failure["a"], failure["c"])
	if got := separate(own); len(got) != 1 || !errors.Is(got[0], failure["a"]) {
		t.Errorf("an error with a text of its own is taken apart: %v", got)
	}
}
