package kustomize

import (
	"context"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/kustomize/api/provider"
)

func TestSubstitutionIsBounded(t *testing.T) {
	for _, tt := range []struct {
		why          string
		uses, length int
		reason       string
	}{
		{"as large as an object may be", 100, 10_000, ""},
		{"a text that no machine holds", 20_000, 100_000, "build-without-end"},
		{"many short values", 20_000, 3, ""},
	} {
		data := "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {k: \"" + strings.Repeat("${A}", tt.uses) + "\"}\n"
		res, err := provider.NewDefaultDepProvider().GetResourceFactory().FromBytes([]byte(data))
		if err != nil {
			t.Fatal(err)
		}
		object := &unstructured.Unstructured{Object: map[string]any{"spec": map[string]any{
			"postBuild": map[string]any{"substitute": map[string]any{"A": strings.Repeat("x", tt.length)}},
		}}}
		r, reason := newResource(res), ""
		if err := r.Substitute(context.Background(), SubstituteInput{Object: object}); err != nil {
			reason = r.PostBuildFailure(err).Reason
		}
		if reason != tt.reason {
			t.Errorf("%s: the reason is %q, want %q", tt.why, reason, tt.reason)
		}
	}
}
