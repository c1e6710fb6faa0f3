package e2e

import (
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flux-rehearse/flux-rehearse/simulate"
	"github.com/flux-rehearse/flux-rehearse/simulate/releases"
)

// A chart that source-controller has stored stays when its source goes: the
// HelmChart comes round at its interval and fails, and the release is upgraded
// with what is stored. A new release finds nothing stored.
func TestStoredChartOutlivesItsSource(t *testing.T) {
	from := func(name, values string) string {
		return strings.Replace(release(name, "small", "values: {v: "+values+"},"), "name: flux-system}}}}}", "name: second}}}}}", 1)
	}
	base := map[string]string{
		"charts/small/Chart.yaml": "{apiVersion: v2, name: small, version: 1.0.0}", "charts/small/templates/all.yaml": configMap("{{ .Release.Name }}", "{{ .Values.v }}"),
		"clusters/source.yaml": gitRepository("second", ""), "clusters/a.yaml": from("old", "one"),
	}
	head := maps.Clone(base)
	delete(head, "clusters/source.yaml")
	head["clusters/a.yaml"], head["clusters/b.yaml"] = from("old", "two"), from("new", "one")
	gone := `failed to get source: GitRepository.source.toolkit.fluxcd.io "second" not found`
	for _, row := range []struct {
		reason string
		emul   simulate.Emulate
		chart  string
	}{
		{"nobody wakes the HelmChart", simulate.Emulate{}, "packaged 'small' chart with version '1.0.0'"},
		{"its interval passes", simulate.Emulate{Intervals: true}, gone},
	} {
		result := replay(t, server(t), simulate.Options{Emulate: row.emul, Releases: releases.New()}, base, head)
		got := map[string]string{}
		for _, owner := range result.Steps[1].Owners {
			if strings.HasPrefix(owner.Ref.Kind, "Helm") {
				got[owner.Ref.String()] = owner.Ready.Status + " " + owner.Ready.Message
			}
		}
		want := map[string]string{
			"HelmChart/flux-system/flux-system-old": "True " + row.chart,
			"HelmChart/flux-system/flux-system-new": "False " + gone,
			"HelmRelease/flux-system/old":           "True Helm upgrade succeeded for release flux-system/old.v2 with chart small@1.0.0",
			"HelmRelease/flux-system/new":           "False HelmChart 'flux-system/flux-system-new' is not ready: " + gone,
		}
		if row.chart == gone {
			want["HelmChart/flux-system/flux-system-old"] = "False " + gone
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", row.reason, d)
		}
	}
}
