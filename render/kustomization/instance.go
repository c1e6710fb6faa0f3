package kustomization

import (
	"fmt"
	"slices"
	"strings"

	flux "github.com/fluxcd/pkg/apis/kustomize"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/internal/loose"
	"github.com/flux-rehearse/flux-rehearse/render"
	"github.com/flux-rehearse/flux-rehearse/render/kustomize"
	"github.com/flux-rehearse/flux-rehearse/repo"
)

// instanceSpec reads the spec of the FluxInstance.
func (in SettingsInput) instanceSpec() (loose.Fields, error) {
	content, err := in.Instance.Map()
	if err != nil {
		return nil, err
	}
	spec := loose.Fields(content)
	for _, key := range strings.Split(strings.TrimPrefix(or(in.InstanceField, "/spec"), "/"), "/") {
		spec = spec.Sub(key)
	}
	return spec, nil
}

func (in SettingsInput) instanceField(field string) string {
	return or(in.InstanceField, "/spec") + field
}

func fromInstance(s render.Settings, in SettingsInput) (render.Settings, []finding.Problem) {
	spec, err := in.instanceSpec()
	if err != nil {
		return s, []finding.Problem{{Reason: "controllers-unread", Pos: in.Instance.Position(), Message: err.Error()}}
	}
	if in.Version == "" {
		s = in.distribution(s, spec.Sub("distribution").Text("version"))
	}
	s = instanceCluster(s, spec)
	s.Declared = true
	data, err := kustomize.Patch([]byte(skeleton()), patchesOf(spec))
	if err != nil {
		field := in.instanceField("/kustomize/patches")
		return s, []finding.Problem{{
			Reason: "controllers-unread", Pos: in.Instance.At(field), Field: field,
			Message: fmt.Sprintf("the arguments of the controllers cannot be read: %s", err),
		}}
	}
	return readDeployments(s, decodeStream(data), func(argument string) finding.Position {
		start := in.Instance.At(in.instanceField("/kustomize/patches"))
		if pos, ok := lineOf(in.Instance.File, argument, start.Line); ok {
			return pos
		}
		return start
	})
}

// distribution reads a version or a range of versions of Flux: the newest minor
// in it up to the one that this program replays by default, else the oldest after.
func (in SettingsInput) distribution(s render.Settings, text string) render.Settings {
	matching := minorsIn(text, in.Minors)
	if len(matching) == 0 {
		return s
	}
	pick := matching[0]
	usual := s.For(render.DefaultSettings().FluxVersion)
	for _, minor := range matching {
		if usual.Since(minorNumber(minor)) {
			pick = minor
		}
	}
	s = withVersion(s, pick)
	if len(matching) > 1 {
		s.Assumed = append(s.Assumed, repo.Assumption{
			Text: fmt.Sprintf("Flux %s runs, of the versions %q", pick, text), Pos: in.Instance.At(in.instanceField("/distribution/version")),
		})
	}
	return s
}

// instanceCluster is what flux-operator makes of spec.cluster, spec.components
// and spec.sharding.
func instanceCluster(s render.Settings, spec loose.Fields) render.Settings {
	cluster := spec.Sub("cluster")
	if cluster.Flag("multitenant") {
		account := or(cluster.Text("tenantDefaultServiceAccount"), "default")
		s.NoCrossNamespaceRefs, s.HelmNoCrossNamespaceRefs, s.WatcherNoCrossNamespaceRefs = true, true, true
		s.NoRemoteBases = true
		s.KustomizeDefaultServiceAccount, s.HelmDefaultServiceAccount = account, account
	}
	if slices.Contains(spec.List("components"), any("source-watcher")) {
		s.ExternalArtifact, s.HelmExternalArtifact = true, true
	}
	sharding := spec.Sub("sharding")
	key := or(sharding.Text("key"), "sharding.fluxcd.io/key")
	if shards := sharding.List("shards"); len(shards) > 0 {
		selectors := []string{"!" + key}
		for _, v := range shards {
			if name, ok := v.(string); ok {
				selectors = append(selectors, key+"="+name)
			}
		}
		s.Watch.Selectors, s.HelmWatch.Selectors, s.SourceWatch.Selectors = selectors, selectors, selectors
	}
	return s
}

// patchesOf are the patches of a FluxInstance. What does not decode is refused
// by the API server and reported there.
func patchesOf(spec loose.Fields) []flux.Patch {
	var patches []flux.Patch
	if data, err := yaml.Marshal(spec.Sub("kustomize").List("patches")); err == nil {
		_ = yaml.Unmarshal(data, &patches)
	}
	return patches
}

func decodeStream(data []byte) []*unstructured.Unstructured {
	var out []*unstructured.Unstructured
	for _, part := range strings.Split(string(data), "\n---\n") {
		var m map[string]any
		if yaml.Unmarshal([]byte(part), &m) == nil && m != nil {
			out = append(out, &unstructured.Unstructured{Object: m})
		}
	}
	return out
}
