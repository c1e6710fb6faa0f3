package e2e

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/flux-rehearse/flux-rehearse/simulate"
	"github.com/flux-rehearse/flux-rehearse/simulate/releases"
)

// shifts notes which releases are reconciled at the same time. Each waits until
// those of its shift are there.
type shifts struct {
	simulate.Releases
	size map[string]int // of the shift of a release, by its name; 1 when missing

	mu     sync.Mutex
	inside []string
	there  chan struct{} // closed when the shift is complete
	seen   []string
}

func (s *shifts) Reconcile(ctx context.Context, in simulate.ReleaseInput) (simulate.ReleaseResult, error) {
	name := in.Object.GetName()
	s.mu.Lock()
	if len(s.inside) == 0 {
		s.there = make(chan struct{})
	}
	s.inside = append(s.inside, name)
	there := s.there
	if len(s.inside) == max(1, s.size[name]) {
		names := slices.Sorted(slices.Values(s.inside))
		s.seen = append(s.seen, strings.Join(names, " "))
		close(there)
	}
	s.mu.Unlock()
	select {
	case <-there:
	case <-time.After(20 * time.Second):
		return simulate.ReleaseResult{}, fmt.Errorf("%s is alone", name)
	}
	result, err := s.Releases.Reconcile(ctx, in)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.inside = slices.DeleteFunc(s.inside, func(other string) bool { return other == name })
	return result, err
}

// Releases that have nothing to do with each other are reconciled at the same
// time, as many as helm-controller has workers. Those on whose objects others may
// depend are alone.
func TestReleasesSideBySide(t *testing.T) {
	const (
		web = `{apiVersion: apps/v1, kind: Deployment, metadata: {name: "{{ .Release.Name }}"}, spec: {selector: {matchLabels: {app: web}},
template: {metadata: {labels: {app: web}}, spec: {containers: [{name: web, image: web}]}}}}`
		data   = `{apiVersion: v1, kind: ConfigMap, metadata: {name: "{{ .Values.of | default .Release.Name }}"}, data: {values.yaml: "of: made"}}`
		spaces = `{apiVersion: v1, kind: Namespace, metadata: {name: "{{ .Release.Name }}"}}`
		looks  = `{apiVersion: v1, kind: Secret, metadata: {name: "{{ .Release.Name }}"}, stringData: {of: "{{ len (lookup "v1" "ConfigMap" "flux-system" "").items }}"}}`
	)
	tree := map[string]string{
		"clusters/a.yaml": release("a", "web", ""), "clusters/b.yaml": release("b", "web", ""), "clusters/c.yaml": release("c", "data", ""),
		"clusters/d.yaml": release("d", "web", ""), "clusters/e.yaml": release("e", "web", ""),
		"clusters/f.yaml": release("f", "data", "values: {of: g},"), "clusters/g.yaml": release("g", "data", ""),
		"clusters/h.yaml": release("h", "spaces", ""), "clusters/i.yaml": release("i", "looks", ""), "clusters/j.yaml": release("j", "data", ""),
		"clusters/k.yaml": release("k", "web", "valuesFrom: [{kind: ConfigMap, name: j}],"),
	}
	for name, text := range map[string]string{"web": web, "data": data, "spaces": spaces, "looks": looks} {
		tree["charts/"+name+"/Chart.yaml"] = "{apiVersion: v2, name: " + name + ", version: 1.0.0}"
		tree["charts/"+name+"/templates/all.yaml"] = text
	}
	seen := &shifts{Releases: releases.New(), size: map[string]int{"a": 4, "b": 4, "c": 4, "d": 4, "e": 2, "f": 2}}
	steps := replay(t, server(t), simulate.Options{Emulate: simulate.RealCluster(), Releases: seen, Steps: []simulate.StepInput{{}}}, tree).Steps
	if d := cmp.Diff([]string{"a b c d", "e f", "g", "h", "i", "j", "k"}, seen.seen); d != "" {
		t.Errorf("releases at the same time (-want +got):\n%s", d)
	}
	want := map[string]string{}
	for name := range tree {
		if release, ok := strings.CutPrefix(name, "clusters/"); ok {
			release = strings.TrimSuffix(release, ".yaml")
			want["HelmRelease/"+release] = fmt.Sprintf("True InstallSucceeded flux-system/%s.v1", release)
		}
	}
	got := states(steps[0])
	for name, state := range got {
		got[name], _, _ = strings.Cut(state, " chart=")
	}
	delete(got, "Kustomization/flux-system")
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("releases (-want +got):\n%s", d)
	}
}
