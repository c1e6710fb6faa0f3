package inputprovider

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

func object(t *testing.T, text string) *unstructured.Unstructured {
	t.Helper()
	u := &unstructured.Unstructured{}
	if err := yaml.Unmarshal([]byte("apiVersion: fluxcd.controlplane.io/v1\nkind: ResourceSetInputProvider\nmetadata: {name: prs, namespace: team}\n"+text), &u.Object); err != nil {
		t.Fatal(err)
	}
	return u
}

// TestInputs computes what providers export, with and without a recording.
func TestInputs(t *testing.T) {
	const asked = "spec: {type: GitHubPullRequest, url: 'https://github.com/a/b', defaultValues: {chart: old, keep: k}}\n"
	const answer = "status:\n  exportedInputs:\n  - {id: '4', branch: x, chart: old, keep: k}\n  - {id: '5', branch: z, chart: mine, keep: k}\n"
	tests := []struct {
		why, now, record string
		want             []map[string]any
		reason           string
		unknown          bool
	}{
		{"the default values of a static provider, and an id", "spec: {type: Static, defaultValues: {a: b}}", "", []map[string]any{{"id": ID("ResourceSetInputProvider/team/prs"), "a": "b"}}, "", false},
		{"an id of its own stays", "spec: {type: Static, defaultValues: {id: mine}}", "", []map[string]any{{"id": "mine"}}, "", false},
		{"what nobody recorded is unknown", asked, "", nil, "inputs-not-recorded", true},
		{"a recording answers", asked, asked + answer, []map[string]any{{"id": "4", "branch": "x", "chart": "old", "keep": "k"}, {"id": "5", "branch": "z", "chart": "mine", "keep": "k"}}, "", false},
		{"an object from a cluster answers itself", asked + answer, "", []map[string]any{{"id": "4", "branch": "x", "chart": "old", "keep": "k"}, {"id": "5", "branch": "z", "chart": "mine", "keep": "k"}}, "", false},
		{"default values of now replace those of then", "spec: {type: GitHubPullRequest, url: 'https://github.com/a/b', defaultValues: {chart: new}}\n", asked + answer,
			[]map[string]any{{"id": "4", "branch": "x", "chart": "new"}, {"id": "5", "branch": "z", "chart": "mine"}}, "", false},
		{"another question has another answer", "spec: {type: GitHubPullRequest, url: 'https://github.com/a/c'}\n", asked + answer, nil, "inputs-not-recorded", true},
		{"an id that is no text", asked, asked + "status: {exportedInputs: [{id: 4}]}", nil, "inputs-invalid", false},
		{"an id twice", asked, asked + "status: {exportedInputs: [{id: a}, {id: a}]}", nil, "inputs-invalid", false},
		{"no such type", "spec: {type: SVN, url: x}", "", nil, "input-provider-type", false},
		{"a url for Static", "spec: {type: Static, url: x}", "", nil, "input-provider-url", false},
		{"no url for a service", "spec: {type: GitLabBranch}", "", nil, "input-provider-url", false},
	}
	for _, tt := range tests {
		var o Options
		if tt.record != "" {
			o.Recorded = append(o.Recorded, object(t, tt.record))
		}
		got, failure := New(o).Inputs(object(t, tt.now))
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s:\n%s", tt.why, diff)
		}
		switch {
		case failure == nil && tt.reason != "":
			t.Errorf("%s: no failure, want %s", tt.why, tt.reason)
		case failure != nil && (failure.Reason != tt.reason || failure.Unknown != tt.unknown):
			t.Errorf("%s: %s (unknown %v): %s, want %s", tt.why, failure.Reason, failure.Unknown, failure.Message, tt.reason)
		}
	}
}
