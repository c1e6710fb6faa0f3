package repo

import (
	"fmt"
	"strings"

	"github.com/flux-rehearse/flux-rehearse/finding"
)

// instanceSync is spec.sync of a FluxInstance, wherever it is written.
type instanceSync struct {
	doc       *Document // that the pointer holds in
	pointer   string    // of the sync
	pos       finding.Position
	namespace string
}

// instances finds what FluxInstances sync: declared, or as values of the chart
// flux-instance in a HelmRelease, a ConfigMap or a values file.
func (d *discovery) instances() []Entry {
	var entries []Entry
	for _, f := range d.tree.files {
		for _, doc := range d.graph.flux[f.Path] {
			sync, ok := findSync(doc)
			if !ok || d.graph.patches[f.Path] {
				continue
			}
			if e, ok := d.instance(sync); ok {
				entries = append(entries, e)
			}
		}
	}
	return entries
}

func findSync(doc *Document) (instanceSync, bool) {
	ref, object := doc.Ref()
	sync := instanceSync{doc: doc, namespace: ref.Namespace}
	switch {
	case isFlux(doc, "fluxcd.controlplane.io", "FluxInstance"):
		sync.pointer = "/spec/sync"
	case isFlux(doc, "helm.toolkit.fluxcd.io", "HelmRelease"):
		sync.pointer = "/spec/values/instance/sync"
		if target := doc.Text("/spec/targetNamespace"); target != "" {
			sync.namespace = target
		}
	case object && ref.Kind == "ConfigMap" && ref.Group == "":
		return configMapSync(doc)
	case doc.Text("/apiVersion") == "" && doc.Text("/kind") == "":
		sync.pointer = "/instance/sync"
	}
	if sync.namespace == "" {
		sync.namespace = fluxNamespace
	}
	if sync.pointer == "" || sync.doc.Text(sync.pointer+"/url") == "" {
		return instanceSync{}, false
	}
	sync.pos = doc.KeyAt(sync.pointer)
	return sync, true
}

func configMapSync(doc *Document) (instanceSync, bool) {
	text := doc.Text("/data/values.yaml")
	if !strings.Contains(text, "instance:") {
		return instanceSync{}, false
	}
	for _, inner := range memoryFile("values.yaml", []byte(text)).Documents() {
		if inner.Text("/instance/sync/url") != "" {
			sync := instanceSync{doc: inner, pointer: "/instance/sync", namespace: doc.Text("/metadata/namespace")}
			sync.pos = doc.KeyAt("/data/values.yaml")
			if sync.namespace == "" {
				sync.namespace = fluxNamespace
			}
			return sync, true
		}
	}
	return instanceSync{}, false
}

func (s instanceSync) text(field, fallback string) string {
	if v := s.doc.Text(s.pointer + "/" + field); v != "" {
		return v
	}
	return fallback
}

func (d *discovery) instance(s instanceSync) (Entry, bool) {
	dir := folderOf(s.text("path", ""))
	if !d.tree.IsFolder(dir) {
		d.near = append(d.near, finding.Related{Pos: s.pos, Message: fmt.Sprintf(
			"a FluxInstance syncs the path %q, which the repository does not have", s.text("path", ""))})
		return Entry{}, false
	}
	objects := SyncObjects(s.namespace, s.fields())
	e := Entry{
		Dir: dir, Found: FoundInstance, Pos: s.pos, Root: refOf(objects[1]), Source: refOf(objects[0]),
		Seeds:    []Seed{{Object: objects[0], Pos: s.pos}, {Object: objects[1], Pos: s.pos}},
		Instance: s.doc, InstanceField: strings.TrimSuffix(s.pointer, "/sync"),
	}
	e.Assumed = []Assumption{{Pos: s.pos, Text: fmt.Sprintf(
		"%s is this repository: the FluxInstance syncs %q of it", e.Source, dotted(dir))}}
	return e, true
}

// fields is the sync as written.
func (s instanceSync) fields() map[string]any {
	v, err := Value(s.doc.Node(s.pointer))
	if err != nil {
		return nil
	}
	m, _ := v.(map[string]any)
	return m
}

// SyncObjects are the source and the Kustomization that the Flux Operator makes
// of spec.sync of a FluxInstance in a namespace, before its patches.
func SyncObjects(namespace string, sync map[string]any) []map[string]any {
	text := func(field, fallback string) string {
		if v, _ := sync[field].(string); v != "" {
			return v
		}
		return fallback
	}
	name := text("name", namespace)
	source := finding.Ref{Group: sourceGroup, Kind: text("kind", "GitRepository"), Namespace: namespace, Name: name}
	spec := kustomizationSpec(".", source)
	spec["path"] = text("path", "./")
	spec["interval"] = "10m"
	root := finding.Ref{Group: kustomizationGroup, Kind: "Kustomization", Namespace: namespace, Name: name}
	return []map[string]any{
		virtualSeed(source, syncSource(source.Kind, text), finding.Position{}).Object,
		virtualSeed(root, spec, finding.Position{}).Object,
	}
}

func refOf(object map[string]any) finding.Ref {
	metadata, _ := object["metadata"].(map[string]any)
	version, _ := object["apiVersion"].(string)
	group, _, _ := strings.Cut(version, "/")
	ref := finding.Ref{Group: group}
	ref.Kind, _ = object["kind"].(string)
	ref.Namespace, _ = metadata["namespace"].(string)
	ref.Name, _ = metadata["name"].(string)
	return ref
}

// syncSource is the spec of the source of a sync.
func syncSource(kind string, text func(field, fallback string) string) map[string]any {
	spec := map[string]any{"interval": text("interval", "1m")}
	ref := text("ref", "")
	switch kind {
	case "Bucket":
		spec["endpoint"], spec["bucketName"] = text("url", ""), ref
	case "OCIRepository":
		spec["url"] = text("url", "")
		if ref != "" {
			spec["ref"] = map[string]any{"tag": ref}
		}
	default:
		spec["url"] = text("url", "")
		if ref != "" {
			spec["ref"] = map[string]any{"name": ref}
		}
	}
	if secret := text("pullSecret", ""); secret != "" {
		spec["secretRef"] = map[string]any{"name": secret}
	}
	if provider := text("provider", ""); provider != "" {
		spec["provider"] = provider
	}
	return spec
}
