package kustomization

import (
	"fmt"
	"regexp"

	"github.com/Masterminds/semver/v3"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/flux-rehearse/flux-rehearse/render"
)

var commentVersion = regexp.MustCompile(`(?m)^# Flux [Vv]ersion: v?(\d+\.\d+)`)

var labelVersion = regexp.MustCompile(`app\.kubernetes\.io/version: "?v?(\d+\.\d+)`)

// controllerTag is the image of a controller whose minors go with those of Flux
// since 2.0.
var controllerTag = regexp.MustCompile(`/(?:kustomize|source)-controller:v1\.(\d+)\.`)

// versionOf finds the Flux minor version in the components file: in its header,
// a label or the tag of an image.
func versionOf(data []byte) string {
	for _, re := range []*regexp.Regexp{commentVersion, labelVersion} {
		if m := re.FindSubmatch(data); m != nil {
			return string(m[1])
		}
	}
	if m := controllerTag.FindSubmatch(data); m != nil {
		return "2." + string(m[1])
	}
	return ""
}

// builtVersion finds the Flux minor version in the images after the patches.
func builtVersion(objects []*unstructured.Unstructured) string {
	for _, c := range containers(objects) {
		if m := controllerTag.FindStringSubmatch(c.image); m != nil {
			return "2." + m[1]
		}
	}
	return ""
}

// withVersion sets the version and the defaults that came with it.
func withVersion(s render.Settings, version string) render.Settings {
	var major, minor int
	if n, err := fmt.Sscanf(version, "%d.%d", &major, &minor); n != 2 || err != nil || major != 2 {
		return s
	}
	return s.For(version)
}

func minorNumber(version string) int {
	var minor int
	if _, err := fmt.Sscanf(version, "2.%d", &minor); err != nil {
		return 0
	}
	return minor
}

// lastPatch is beyond the patches that a minor of Flux gets.
const lastPatch = 20

// minorsIn are the minors of which a version or a range of versions takes some
// patch, oldest first.
func minorsIn(text string, minors []string) []string {
	constraint, err := semver.NewConstraint(text)
	if err != nil || text == "" {
		return nil
	}
	var out []string
	for _, minor := range minors {
		for patch := range lastPatch {
			v, err := semver.NewVersion(fmt.Sprintf("%s.%d", minor, patch))
			if err == nil && constraint.Check(v) {
				out = append(out, minor)
				break
			}
		}
	}
	return out
}
