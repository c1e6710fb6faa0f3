package render

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// behaviour is what differs between the minors of Flux for the same repository.
type behaviour struct {
	Strict, ServerSide, Hooks, UpdatesCRDs bool
}

func TestMinors(t *testing.T) {
	for _, row := range []struct {
		why, minor, controller string
		helm3                  bool
		want                   behaviour
	}{
		{"Helm 3, lenient variables", "2.6", "", false, behaviour{}},
		{"the last minor with Helm 3", "2.7", "", false, behaviour{}},
		{"Helm 4 applies on the server", "2.8", "", false, behaviour{ServerSide: true, UpdatesCRDs: true}},
		{"strict variables, hooks are post-rendered", "2.9", "", false, behaviour{Strict: true, ServerSide: true, Hooks: true, UpdatesCRDs: true}},
		{"the policy Create creates only, again", "2.10", "", false, behaviour{Strict: true, ServerSide: true, Hooks: true}},
		{"the gate UseHelm3Defaults brings back Helm 3", "2.9", "", true, behaviour{Strict: true, UpdatesCRDs: true}},
		{"the release before the policy Create changes", "2.7", "v1.4.5", false, behaviour{}},
		{"the first one that updates CRDs", "2.8", "v1.5.0", false, behaviour{ServerSide: true, UpdatesCRDs: true}},
		{"the last one that updates CRDs", "2.9", "v1.6.4", false, behaviour{Strict: true, ServerSide: true, Hooks: true, UpdatesCRDs: true}},
		{"the release that mends it", "2.9", "v1.6.5", false, behaviour{Strict: true, ServerSide: true, Hooks: true}},
		{"a newer release", "2.10", "v1.7.0", false, behaviour{Strict: true, ServerSide: true, Hooks: true}},
		{"an image without a version: that of the minor", "2.9", "latest", false, behaviour{Strict: true, ServerSide: true, Hooks: true, UpdatesCRDs: true}},
	} {
		s := DefaultSettings().For(row.minor)
		s.HelmController, s.UseHelm3Defaults = row.controller, row.helm3
		got := behaviour{Strict: s.StrictSubstitution, ServerSide: s.ServerSideReleases(), Hooks: s.PostRendersHooks(), UpdatesCRDs: s.UpdatesCRDs()}
		if diff := cmp.Diff(row.want, got); diff != "" {
			t.Errorf("Flux %s, helm-controller %q: %s (-want +got):\n%s", row.minor, row.controller, row.why, diff)
		}
	}
}
