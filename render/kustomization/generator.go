package kustomization

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/internal/loose"
	"github.com/flux-rehearse/flux-rehearse/render"
)

// generated adds the ConfigMaps and Secrets of generators. One that merges into
// or replaces an object becomes a writer of it.
func (w *walk) generated(l *layer, objects []*declared) []*declared {
	for _, of := range []struct{ field, kind string }{{"configMapGenerator", "ConfigMap"}, {"secretGenerator", "Secret"}} {
		for i, v := range l.content.List(of.field) {
			g := loose.Of(v)
			pointer := fmt.Sprintf("/%s/%d", of.field, i)
			o := &declared{kind: of.kind, name: g.Text("name"), nowName: g.Text("name"), namespace: g.Text("namespace"), nowSpace: g.Text("namespace")}
			o.Place, o.hashed = l.At(pointer), hashes(l.content.Sub("generatorOptions"), g.Sub("options"))
			o.texts = w.generatorTexts(l, pointer)
			keys := w.generatorKeys(l, pointer, g)
			if b := g.Text("behavior"); b == "merge" || b == "replace" {
				mergeGenerated(objects, o, keys)
				continue
			}
			for _, name := range []string{"name", "namespace", "type"} {
				if g.Text(name) != "" {
					o.write(generatedFields[name], "generator", l.At(pointer+"/"+name))
				}
			}
			for _, key := range keys {
				o.edits = append(o.edits, key.writers)
			}
			generatedMetadata(l, pointer, o)
			objects = append(objects, o)
		}
	}
	return objects
}

// generatedFields are the fields of the object that those of a generator fill.
var generatedFields = map[string]string{"name": "/metadata/name", "namespace": "/metadata/namespace", "type": "/type"}

// generatedMetadata notes the labels and annotations that options give.
func generatedMetadata(l *layer, pointer string, o *declared) {
	for _, options := range []string{"/generatorOptions", pointer + "/options"} {
		given, _ := valueAt(map[string]any(l.content), options).(map[string]any)
		for _, where := range []string{"labels", "annotations"} {
			for _, k := range slices.Sorted(maps.Keys(loose.Of(given[where]))) {
				o.write(finding.Pointer("metadata", where, k), "generator", l.At(options+finding.Pointer(where, k)))
			}
		}
	}
}

// generatedKey is a key of generated data and the place where its value is written.
type generatedKey struct {
	name string
	pos  finding.Position
}

// writers is an edit. Bytes that are no text stand in another field of a ConfigMap.
func (k generatedKey) writers(final map[string]any) []render.Writer {
	for _, field := range []string{"data", "binaryData"} {
		if _, ok := loose.Of(final[field])[k.name]; ok {
			return []render.Writer{{Pointer: finding.Pointer(field, k.name), What: "generator", Pos: k.pos}}
		}
	}
	return nil
}

// generatorKeys are the keys that a generator makes, in the order of kustomize.
func (w *walk) generatorKeys(l *layer, pointer string, g loose.Fields) []generatedKey {
	var out []generatedKey
	for _, e := range l.sourceFiles() {
		if !strings.HasPrefix(e.pointer, pointer+"/") {
			continue
		}
		f, ok := w.files[e.target()]
		switch {
		case !ok || f.Origin == nil:
		case strings.HasPrefix(e.pointer, pointer+"/files/"):
			pos := f.Origin.Position(1, 1)
			pos.Precision = finding.PrecisionExact
			out = append(out, generatedKey{name: keyOfFile(l, e), pos: pos})
		default:
			for i, line := range strings.Split(string(f.Data), "\n") {
				if name, _, ok := strings.Cut(strings.TrimSpace(line), "="); ok && !strings.HasPrefix(name, "#") {
					pos := f.Origin.Position(i+1, strings.IndexByte(line, '=')+2)
					pos.Precision = finding.PrecisionExact
					out = append(out, generatedKey{name: name, pos: pos})
				}
			}
		}
	}
	for i, v := range g.List("literals") {
		if s, ok := v.(string); ok {
			name, _, _ := strings.Cut(s, "=")
			out = append(out, generatedKey{name: name, pos: l.At(fmt.Sprintf("%s/literals/%d", pointer, i))})
		}
	}
	return out
}

// keyOfFile is the key that an entry of files gives, by default the name of the file.
func keyOfFile(l *layer, e entry) string {
	s, _ := valueAt(map[string]any(l.content), e.pointer).(string)
	if key, _, ok := strings.Cut(s, "="); ok {
		return key
	}
	return path.Base(e.text)
}

func mergeGenerated(objects []*declared, o *declared, keys []generatedKey) {
	for _, t := range objects {
		if t.kind == o.kind && t.group == "" && (t.name == o.name || t.nowName == o.name) {
			t.texts = append(t.texts, o.texts...)
			for _, key := range keys {
				t.edits = append(t.edits, key.writers)
			}
		}
	}
}

func hashes(all, one loose.Fields) bool {
	if v, ok := one["disableNameSuffixHash"].(bool); ok && v {
		return false
	}
	return !all.Flag("disableNameSuffixHash")
}

func (w *walk) generatorTexts(l *layer, pointer string) []text {
	var out []text
	if l.doc != nil && l.flux == nil || l.doc != nil && l.doc.Node(pointer) != nil {
		out = append(out, text{file: l.file, node: l.doc.Node(pointer), doc: l.doc})
	}
	for _, e := range l.sourceFiles() {
		if !strings.HasPrefix(e.pointer, pointer+"/") {
			continue
		}
		if f, ok := w.files[e.target()]; ok && f.Origin != nil {
			out = append(out, text{file: f.Origin})
		}
	}
	return out
}
