package kustomization

import (
	"bytes"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

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
	Instance *repo.Document    // that holds a FluxInstance, nil when there is none
	// InstanceField is the JSON pointer of the spec in Instance: /spec, or that
	// of values of the chart flux-instance.
	InstanceField string
	// Version is the minor of Flux that the user says, empty for that of the repository.
	Version string
	// Minors are those that may run, oldest first, for a range in a FluxInstance.
	Minors []string
}

// Settings reads the version of Flux and the arguments of the controllers from
// the folder that bootstrap writes, after its patches, or from a FluxInstance.
// What the repository does not say stays as in base, and is noted as assumed.
// FluxVersion is empty when neither the user nor the repository names one.
func Settings(base render.Settings, in SettingsInput) (render.Settings, []finding.Problem) {
	out := base
	out.FluxVersion = ""
	out.Assumed = slices.Clone(base.Assumed)
	if in.Version != "" {
		out = out.For(in.Version)
	}
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
	s.Declared = f.declared
	if !f.declared {
		s = assumeComponents(s, in, f.name)
	}
	objects, failure := f.build()
	if in.Version == "" && f.declared {
		s = withVersion(s, or(versionOf(f.components), builtVersion(objects)))
	}
	if failure != nil {
		return s, []finding.Problem{unread(in, failure)}
	}
	return readDeployments(s, objects, in.placeInFolder)
}

// placeInFolder finds the line of the folder that says an argument.
func (in SettingsInput) placeInFolder(argument string) finding.Position {
	var names []string
	for _, f := range in.Tree.Files() {
		if path.Dir(f.Path) == in.Folder && path.Base(f.Path) != componentsFile {
			names = append(names, f.Path)
		}
	}
	for _, name := range append(names, path.Join(in.Folder, componentsFile)) {
		if pos, ok := lineOf(in.Tree.File(name), argument, 1); ok {
			return pos
		}
	}
	return in.folderPosition()
}

// lineOf finds a text in a file, from a line on.
func lineOf(f *repo.File, text string, from int) (finding.Position, bool) {
	if f == nil {
		return finding.Position{}, false
	}
	data, err := f.Data()
	if err != nil {
		return finding.Position{}, false
	}
	for i, line := range strings.Split(string(data), "\n") {
		if col := strings.Index(line, text); col >= 0 && i+1 >= from {
			return f.Position(i+1, col+1), true
		}
	}
	return finding.Position{}, false
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

// folderPosition is the kustomization file of the folder, else the folder.
func (in SettingsInput) folderPosition() finding.Position {
	for _, name := range fileNames {
		if k := in.Tree.File(path.Join(in.Folder, name)); k != nil {
			return k.Position(1, 1)
		}
	}
	return finding.Position{File: in.Folder, Precision: finding.PrecisionFile}
}

func unread(in SettingsInput, f *kustomize.Failure) finding.Problem {
	return finding.Problem{
		Reason: "controllers-unread", Pos: in.folderPosition(),
		Message: fmt.Sprintf("the arguments of the controllers cannot be read: %s", f.Message),
	}
}

// assumeComponents states what an empty components file leaves open.
func assumeComponents(s render.Settings, in SettingsInput, name string) render.Settings {
	pos := finding.Position{File: in.Folder, Precision: finding.PrecisionFile}
	if f := in.Tree.File(name); f != nil {
		pos = f.Position(1, 1)
	}
	s.Assumed = append(s.Assumed, repo.Assumption{
		Text: fmt.Sprintf("the controllers run with default arguments and the patches of the folder, as %s declares none", name), Pos: pos,
	})
	return s
}
