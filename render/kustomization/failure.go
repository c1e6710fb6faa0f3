package kustomization

import (
	"path"
	"strings"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/render"
	"github.com/flux-rehearse/flux-rehearse/render/kustomize"
	"github.com/flux-rehearse/flux-rehearse/repo"
)

// refusal is the Result of a failure, without problems.
func refusal(f *kustomize.Failure) *render.Result {
	if f.Unknown {
		return &render.Result{State: render.Unknown, Reason: f.Reason}
	}
	return &render.Result{
		State: render.Failed, Reason: f.Reason,
		Ready: render.Condition{Status: "False", Reason: f.Condition, Message: f.Message},
	}
}

// problem is a fact about a field of the Flux Kustomization.
func (j *job) problem(reason, field, message string) finding.Problem {
	return finding.Problem{Reason: reason, Object: j.in.Object.Ref(), Field: field, Pos: j.in.Object.At(field), Message: message}
}

// report adds the problem of a failure at a place and returns its Result.
func (j *job) report(f *kustomize.Failure, pos finding.Position) *render.Result {
	p := finding.Problem{Reason: f.Reason, Object: j.in.Object.Ref(), Pos: pos, Message: f.Message, Hint: hints[f.Reason]}
	if p.Pos.IsZero() {
		p.Pos = j.in.Object.At("/spec")
	}
	j.problems = append(j.problems, p)
	return refusal(f)
}

// fail is the Result of a build that fails, at the place that its text names.
func (j *job) fail(f *kustomize.Failure) render.Result {
	res := j.report(f, j.place(f))
	if f.Reason == "duplicate-object" && j.plan != nil {
		p := &j.problems[len(j.problems)-1]
		_, objects := j.layers()
		for _, d := range declarations(objects, f.Object) {
			if pos := d.nameAt(); pos != p.Pos {
				p.Related = append(p.Related, finding.Related{Pos: pos, Message: "the other one is declared here"})
			}
		}
	}
	res.Problems = j.problems
	return *res
}

// place finds where to edit for a failure: the entry of the kustomization file
// that it names, a line of the file that it names, or the Flux Kustomization.
func (j *job) place(f *kustomize.Failure) finding.Position {
	if strings.HasPrefix(f.Reason, "path-not-") {
		return j.in.Object.At("/spec/path")
	}
	switch f.Reason {
	case "component-path-invalid":
		return j.componentEntry(f.Entry)
	case "duplicate-key":
		if pos := j.duplicateKey(f.Field); !pos.IsZero() {
			return pos
		}
	}
	if f.Line > 0 && f.Path == "" && f.Entry != "" {
		f.Path = path.Join(j.folder(f), f.Entry)
	}
	if file := j.files[path.Clean(f.Path)].Origin; file != nil && f.Path != "" {
		if pos := syntaxError(file); f.Reason == "malformed-yaml" && !pos.IsZero() {
			return pos // kustomize counts the lines of a document
		}
		return file.Position(max(f.Line, 1), 1)
	}
	if pos := j.entryPlace(f); !pos.IsZero() {
		return pos
	}
	if f.Path != "" && j.files[f.Path].Origin != nil {
		return j.files[f.Path].Origin.Position(0, 0)
	}
	return j.in.Object.At("/spec/path")
}

// folder is the one whose entries a failure names: the innermost that it tells of,
// else that of the Flux Kustomization.
func (j *job) folder(f *kustomize.Failure) string {
	if f.File != "" || j.plan == nil {
		return f.File
	}
	w, _ := j.layers()
	return w.root.dir
}

// syntaxError is where a file stops being YAML, zero where it does not.
func syntaxError(file *repo.File) finding.Position {
	for _, p := range file.Problems() {
		if p.Reason == "yaml-syntax" {
			return p.Pos
		}
	}
	return finding.Position{}
}

// hints say what to type about each reason.
var hints = map[string]string{
	"path-not-found":              "correct spec.path, which is relative to the root of the source",
	"resource-file-missing":       "add the file, or remove the entry from resources",
	"patch-file-missing":          "add the file, or correct its path",
	"generator-file-missing":      "add the file, or remove it from the generator; the source may exclude it from its artifact",
	"duplicate-object":            "keep one of the two, or give one another name or namespace",
	"not-kubernetes-yaml":         "move the file out of the folder, or list the wanted files in a kustomization.yaml",
	"component-as-resource":       "list the folder under components, not under resources",
	"resource-as-component":       "list the folder under resources, not under components",
	"patch-no-match":              "correct apiVersion, kind, name and namespace of the patch, or give it a target",
	"patch-without-target":        "give the JSON patch a target",
	"patch-path-missing":          "add the parent field first, or correct the path",
	"kustomization-unknown-field": "remove or correct the field",
	"kustomization-file-missing":  "add a kustomization.yaml to the folder",
	"namespace-conflict":          "apply one Namespace object per build, or leave out the target namespace",
	"helm-charts-disabled":        "use a HelmRelease instead of helmCharts",
	"path-outside-artifact":       "keep every path inside the source",
	"remote-base-not-local":       "add the URL to the --source-map file",
	"remote-base-forbidden":       "copy the files into the repository, as the controller runs with --no-remote-bases",
	"variable-syntax":             "close the brace and use letters, digits and underscores only, or write $${ for the text itself",
	"variable-name-invalid":       "rename the key: letters, digits and underscores only, no digit first",
	"substitute-source-missing":   "apply the object before, or set optional: true",
	"substitution-breaks-yaml":    "quote the value",
	"base-cycle":                  "remove one of the two references",
}
