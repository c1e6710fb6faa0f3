package kustomization

import (
	"bytes"
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"

	flux "github.com/fluxcd/pkg/apis/kustomize"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/render"
	"github.com/flux-rehearse/flux-rehearse/render/kustomize"
	"github.com/flux-rehearse/flux-rehearse/repo"
)

// SettingsInput is where a repository says how the controllers of a cluster run.
type SettingsInput struct {
	Tree     *repo.Tree
	Root     string            // the artifact of the tree on disk; never written to
	Folder   string            // in the tree: <dir>/flux-system of an Entry, empty when there is none
	Overlay  map[string][]byte // of the Entry
	Instance *repo.Document    // FluxInstance, nil when there is none
}

// Settings reads the arguments of the controllers from the folder that
// bootstrap writes, after its patches, or from a FluxInstance. What the
// repository does not say stays as in base, and is noted as assumed.
func Settings(base render.Settings, in SettingsInput) (render.Settings, []finding.Problem) {
	out := base
	out.Assumed = slices.Clone(base.Assumed)
	switch {
	case in.Instance != nil:
		return fromInstance(out, in)
	case in.Folder != "" && in.Tree.IsFolder(in.Folder):
		return fromFolder(out, in)
	}
	return out, nil
}

const componentsFile = "gotk-components.yaml"

func fromFolder(s render.Settings, in SettingsInput) (render.Settings, []finding.Problem) {
	f := readFolder(in)
	if f.declared {
		s = withVersion(s, versionOf(f.components))
	} else {
		s = assumeComponents(s, in, f.name)
	}
	objects, failure := f.build()
	if failure != nil {
		return s, []finding.Problem{unread(in, failure)}
	}
	return readDeployments(s, objects), nil
}

// folder is the folder that bootstrap writes.
type folder struct {
	in         SettingsInput
	name       string // of the components file
	components []byte
	declared   bool // the components file holds the controllers
}

func readFolder(in SettingsInput) folder {
	f := folder{in: in, name: path.Join(in.Folder, componentsFile)}
	f.components = in.Overlay[f.name]
	if file := in.Tree.File(f.name); len(f.components) == 0 && file != nil {
		f.components, _ = file.Data()
	}
	f.declared = bytes.Contains(f.components, []byte("kind: Deployment"))
	return f
}

// build returns the objects of the folder after its patches. What an empty
// components file does not declare is made up, as far as patches name it.
func (f folder) build() ([]*unstructured.Unstructured, *kustomize.Failure) {
	overlay := maps.Clone(f.in.Overlay)
	if overlay == nil {
		overlay = map[string][]byte{}
	}
	stubs := ""
	if !f.declared {
		stubs = skeleton()
	}
	for range maxStubs {
		if stubs != "" {
			overlay[f.name] = []byte(stubs)
		}
		objects, failure := buildFolder(f.in, overlay)
		if failure == nil || stubs == "" || failure.Reason != "patch-no-match" {
			return objects, failure
		}
		stubs += stub(failure.Object)
	}
	return nil, nil
}

// maxStubs is how many objects may be made up for patches of the folder.
const maxStubs = 40

func buildFolder(in SettingsInput, overlay map[string][]byte) ([]*unstructured.Unstructured, *kustomize.Failure) {
	plan, failure := kustomize.Prepare(kustomize.Input{
		Root: in.Root, Path: in.Folder, Overlay: overlay,
		Object: &unstructured.Unstructured{Object: map[string]any{"spec": map[string]any{}}},
	})
	if failure != nil {
		return nil, failure
	}
	built, failure := plan.Build()
	if failure != nil {
		return nil, failure
	}
	var out []*unstructured.Unstructured
	for _, r := range built.Resources {
		objects, failure := r.Objects()
		if failure != nil {
			return nil, failure
		}
		out = append(out, objects...)
	}
	return out, nil
}

func unread(in SettingsInput, f *kustomize.Failure) finding.Problem {
	pos := finding.Position{File: in.Folder, Precision: finding.PrecisionFile}
	for _, name := range fileNames {
		if k := in.Tree.File(path.Join(in.Folder, name)); k != nil {
			pos = k.Position(1, 1)
			break
		}
	}
	return finding.Problem{
		Reason: "controllers-unread", Pos: pos,
		Message: fmt.Sprintf("the arguments of the controllers cannot be read: %s", f.Message),
	}
}

// assumeComponents states what an empty components file leaves open. A
// repository with ArtifactGenerators only works with source-watcher, whose
// installation opens the ExternalArtifact gate.
func assumeComponents(s render.Settings, in SettingsInput, name string) render.Settings {
	pos := finding.Position{File: in.Folder, Precision: finding.PrecisionFile}
	if f := in.Tree.File(name); f != nil {
		pos = f.Position(1, 1)
	}
	s.Assumed = append(s.Assumed, repo.Assumption{
		Text: fmt.Sprintf("the controllers run with default arguments and the patches of the folder, as %s declares none", name), Pos: pos,
	})
	for _, d := range in.Tree.Documents() {
		if ref, ok := d.Ref(); ok && ref.Group == "source.extensions.fluxcd.io" && ref.Kind == "ArtifactGenerator" && !s.ExternalArtifact {
			s.ExternalArtifact = true
			s.Assumed = append(s.Assumed, repo.Assumption{
				Text: "source-watcher is installed and the feature gate ExternalArtifact is on, as the repository has an ArtifactGenerator",
				Pos:  d.Position(),
			})
		}
	}
	return s
}

var commentVersion = regexp.MustCompile(`(?m)^# Flux [Vv]ersion: v?(\d+\.\d+)`)

var labelVersion = regexp.MustCompile(`app\.kubernetes\.io/version: "?v?(\d+\.\d+)`)

// versionOf finds the Flux minor version in the components file.
func versionOf(data []byte) string {
	for _, re := range []*regexp.Regexp{commentVersion, labelVersion} {
		if m := re.FindSubmatch(data); m != nil {
			return string(m[1])
		}
	}
	return ""
}

// withVersion sets the version and the defaults that came with it.
func withVersion(s render.Settings, version string) render.Settings {
	var major, minor int
	if n, err := fmt.Sscanf(version, "%d.%d", &major, &minor); n != 2 || err != nil {
		return s
	}
	s.FluxVersion = version
	s.StrictSubstitution = major > 2 || major == 2 && minor >= strictSince
	return s
}

// strictSince is the minor version of Flux 2 in which strict substitution became the default.
const strictSince = 9

var instanceVersion = regexp.MustCompile(`^[v=~^]*(\d+\.\d+)(\.|$)`)

func fromInstance(s render.Settings, in SettingsInput) (render.Settings, []finding.Problem) {
	content, err := in.Instance.Map()
	if err != nil {
		return s, []finding.Problem{{Reason: "controllers-unread", Pos: in.Instance.Position(), Message: err.Error()}}
	}
	spec := object(content["spec"])
	if m := instanceVersion.FindStringSubmatch(spec.sub("distribution").text("version")); m != nil {
		s = withVersion(s, m[1])
	}
	cluster := spec.sub("cluster")
	if cluster.flag("multitenant") {
		account := or(cluster.text("tenantDefaultServiceAccount"), "default")
		s.NoCrossNamespaceRefs, s.NoRemoteBases = true, true
		s.KustomizeDefaultServiceAccount, s.HelmDefaultServiceAccount = account, account
	}
	if slices.Contains(spec.list("components"), any("source-watcher")) {
		s.ExternalArtifact = true
	}
	data, err := kustomize.Patch([]byte(skeleton()), patchesOf(spec))
	if err != nil {
		return s, []finding.Problem{{
			Reason: "controllers-unread", Pos: in.Instance.At("/spec/kustomize/patches"), Field: "/spec/kustomize/patches",
			Message: fmt.Sprintf("the arguments of the controllers cannot be read: %s", err),
		}}
	}
	return readDeployments(s, decodeStream(data)), nil
}

// patchesOf are the patches of a FluxInstance. What does not decode is refused
// by the API server and reported there.
func patchesOf(spec fields) []flux.Patch {
	var patches []flux.Patch
	if data, err := yaml.Marshal(spec.sub("kustomize").list("patches")); err == nil {
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
