package simulate

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flux-rehearse/flux-rehearse/diff"
	"github.com/flux-rehearse/flux-rehearse/finding"
)

// configMap is a ConfigMap with a uid and the Kustomization that its labels name.
func configMap(uid, owner, value string) map[string]any {
	meta := map[string]any{"name": "cm", "namespace": "default", "uid": uid}
	if owner != "" {
		meta["labels"] = map[string]any{kustomizeGroup + "/name": owner, kustomizeGroup + "/namespace": "flux-system"}
	}
	return map[string]any{"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": map[string]any{"k": value}}
}

func kustomization(name string) finding.Ref {
	return finding.Ref{Group: kustomizeGroup, Kind: "Kustomization", Namespace: "flux-system", Name: name}
}

func TestChange(t *testing.T) {
	a, b := kustomization("a"), kustomization("b")
	cm := finding.Ref{Kind: "ConfigMap", Namespace: "default", Name: "cm"}
	ending := configMap("1", "a", "v")
	ending["metadata"].(map[string]any)["deletionTimestamp"] = "2026-01-01T00:00:00Z"
	for _, c := range []struct {
		why    string
		writes []write
		want   diff.Change
		none   bool
	}{
		{why: "a new object", writes: []write{{actor: a, ref: cm, before: nil, after: configMap("1", "a", "v")}}, want: diff.Change{Owner: a, Action: diff.Create}},
		{why: "two writes are one update", writes: []write{
			{actor: a, ref: cm, before: configMap("1", "a", "1"), after: configMap("1", "a", "2")}, {actor: a, ref: cm, before: configMap("1", "a", "2"), after: configMap("1", "a", "3")},
		}, want: diff.Change{Owner: a, Action: diff.Update}},
		{why: "back to what it was", writes: []write{
			{actor: a, ref: cm, before: configMap("1", "a", "1"), after: configMap("1", "a", "2")}, {actor: a, ref: cm, before: configMap("1", "a", "2"), after: configMap("1", "a", "1")},
		}, want: diff.Change{Owner: a, Action: diff.Unchanged}},
		{why: "forced", writes: []write{
			{actor: a, ref: cm, before: configMap("1", "a", "1"), after: nil}, {actor: a, ref: cm, before: nil, after: configMap("2", "a", "2")},
		}, want: diff.Change{Owner: a, Action: diff.Recreate, Reason: "forced"}},
		{why: "pruned by one owner before the other one makes it anew", writes: []write{
			{actor: a, ref: cm, before: configMap("1", "a", "1"), after: nil}, {actor: b, ref: cm, before: nil, after: configMap("2", "b", "1")},
		}, want: diff.Change{Owner: b, Action: diff.Recreate, Reason: "moved", From: a}},
		{why: "taken over in place", writes: []write{{actor: b, ref: cm, before: configMap("1", "a", "1"), after: configMap("1", "b", "1")}},
			want: diff.Change{Owner: b, Action: diff.Adopt, Reason: "moved", From: a}},
		{why: "made by somebody else before", writes: []write{{actor: a, ref: cm, before: configMap("1", "", "1"), after: configMap("1", "a", "1")}},
			want: diff.Change{Owner: a, Action: diff.Adopt, Reason: "existed"}},
		{why: "deleted", writes: []write{{actor: a, ref: cm, before: configMap("1", "a", "1"), after: nil}}, want: diff.Change{Owner: a, Action: diff.Delete}},
		{why: "held by a finalizer, and written by the next owner all the same", writes: []write{
			{actor: a, ref: cm, before: configMap("1", "a", "v"), after: ending}, {actor: b, ref: cm, before: ending, after: ending},
		}, want: diff.Change{Owner: a, Action: diff.Delete, Reason: "terminating"}},
		{why: "came and went", writes: []write{{actor: a, ref: cm, before: nil, after: configMap("1", "a", "1")}, {actor: a, ref: cm, before: configMap("1", "a", "1"), after: nil}}, none: true},
	} {
		r := &replay{uids: &uids{known: map[string]bool{}}}
		got, ok := r.change(histories(c.writes)[0])
		got.Fields = nil
		c.want.Object = cm
		if ok == c.none {
			t.Errorf("%s: there is a change: %t", c.why, ok)
		}
		if d := cmp.Diff(c.want, got); d != "" && !c.none {
			t.Errorf("%s:\n%s", c.why, d)
		}
	}
}

func TestStable(t *testing.T) {
	s := &uids{known: map[string]bool{}}
	uid := "8d1dd2d8-94f3-48cf-9f27-1fe78cd88bf5"
	s.learn(configMap(uid, "", ""))
	if got := s.message("controller-uid " + uid); got != "controller-uid <uid>" {
		t.Errorf("a uid that the server gave is masked: %q", got)
	}
	other := "00000000-94f3-48cf-9f27-1fe78cd88bf5"
	if got := s.message(other); got != other {
		t.Errorf("a uid that a user wrote stays: %q", got)
	}
	if got, want := s.message("x: errors:\n  .b: no\n  .a: no\nend"), "x: errors:\n  .a: no\n  .b: no\nend"; got != want {
		t.Errorf("the lines of a list of errors are sorted: %q, want %q", got, want)
	}
	quoted := `Invalid value: "{\"creationTimestamp\":\"2026-11-23T20:47:50Z\",\"resourceVersion\":\"417\",\"x\":\"2026-11-23T20:47:50Z\"}"`
	if got, want := s.message(quoted), `Invalid value: "{\"creationTimestamp\":\"<time>\",\"resourceVersion\":\"<version>\",\"x\":\"2026-11-23T20:47:50Z\"}"`; got != want {
		t.Errorf("times and versions of an object that is quoted are masked: %q, want %q", got, want)
	}
	service := map[string]any{"apiVersion": "v1", "kind": "Service", "metadata": map[string]any{"name": "s", "managedFields": []any{
		map[string]any{"manager": "kustomize-controller", "operation": "Apply", "fieldsType": "FieldsV1",
			"fieldsV1": map[string]any{"f:spec": map[string]any{"f:ports": map[string]any{}}}},
	}}, "spec": map[string]any{"clusterIP": "10.0.0.1", "clusterIPs": []any{"10.0.0.1"}, "ports": []any{map[string]any{"port": int64(80), "nodePort": int64(30000)}}}}
	want := map[string]any{"ports": []any{map[string]any{"port": int64(80)}}}
	if d := cmp.Diff(want, s.stable(service)["spec"]); d != "" {
		t.Errorf("what the server allocated is left out:\n%s", d)
	}
}

func TestSameRevision(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
		why  string
	}{
		{"main@sha1:a", "main@sha1:a", true, "equal"},
		{"main@sha1:a", "v1@sha1:a", true, "another name of the same content"},
		{"main@sha1:a", "main@sha1:b", false, "another commit"},
		{"", "main@sha1:b", false, "never applied"},
	} {
		if got := sameRevision(c.a, c.b); got != c.want {
			t.Errorf("%s: sameRevision(%q, %q) = %t", c.why, c.a, c.b, got)
		}
	}
}
