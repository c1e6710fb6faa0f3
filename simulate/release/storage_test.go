package release

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"helm.sh/helm/v4/pkg/release/common"
	helm "helm.sh/helm/v4/pkg/release/v1"
	"helm.sh/helm/v4/pkg/storage"
	"helm.sh/helm/v4/pkg/storage/driver"
	"k8s.io/client-go/rest"
)

func TestStorageLeavesOutWhatIsReplaced(t *testing.T) {
	tests := map[string]struct {
		reason string
		status common.Status
		want   string // description that is stored after the update
	}{
		"installing":   {"another update ends the install", common.StatusPendingInstall, "old"},
		"upgrading":    {"another update ends the upgrade", common.StatusPendingUpgrade, "old"},
		"rolling back": {"a failed hook leaves the release as it is", common.StatusPendingRollback, "new"},
		"deployed":     {"the action is over", common.StatusDeployed, "new"},
		"failed":       {"the action is over", common.StatusFailed, "new"},
		"uninstalling": {"it may stay like this", common.StatusUninstalling, "new"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var seen []string
			w := &watchedStorage{Driver: driver.NewMemory(), see: func(r *helm.Release) { seen = append(seen, r.Info.Description) }}
			s := storage.Init(w)
			release := func(description string) *helm.Release {
				return &helm.Release{Name: "app", Namespace: "default", Version: 1, Info: &helm.Info{Status: test.status, Description: description}}
			}
			if err := s.Create(release("old")); err != nil {
				t.Fatal(err)
			}
			if err := s.Update(release("new")); err != nil {
				t.Fatal(err)
			}
			stored, err := s.Get("app", 1)
			if err != nil {
				t.Fatal(err)
			}
			got, err := typed(stored)
			if err != nil {
				t.Fatal(err)
			}
			if got.Info.Description != test.want {
				t.Errorf("%s: stored is %q, want %q", test.reason, got.Info.Description, test.want)
			}
			if diff := cmp.Diff([]string{"old", "new"}, seen); diff != "" {
				t.Errorf("%s: shown (-want +got):\n%s", test.reason, diff)
			}
		})
	}
}

// counted counts the requests that list Secrets.
type counted struct {
	next  http.RoundTripper
	lists *atomic.Int32
}

func (c counted) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Method == http.MethodGet && strings.HasSuffix(req.URL.Path, "/secrets") {
		c.lists.Add(1)
	}
	return c.next.RoundTrip(req)
}

// What is stored is listed once before it is written and once after.
func TestStoredReleasesAreListedOnce(t *testing.T) {
	p := newPlay(t, "listed")
	var lists atomic.Int32
	p.config = rest.CopyConfig(p.config)
	p.config.Wrap(func(next http.RoundTripper) http.RoundTripper { return counted{next, &lists} })
	for _, step := range []struct{ why, values, want string }{
		{"an install", "one", "listed/app.v1 chart=demo@1.0.0 status=deployed"},
		{"an upgrade", "two", "listed/app.v2 chart=demo@1.0.0 status=deployed"},
	} {
		p.want("  values: {v: " + step.values + "}")
		lists.Store(0)
		got := p.reconcile(chart{"templates/a.yaml": configMap("a", "v: {{ .Values.v }}")})
		if history := got.History(); len(history) == 0 || history[0] != step.want {
			t.Errorf("%s: history %q, want %q first", step.why, history, step.want)
		}
		if n := lists.Load(); n != 2 {
			t.Errorf("%s: releases are listed %d times", step.why, n)
		}
	}
}
