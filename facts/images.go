package facts

import (
	"strconv"
	"strings"

	"github.com/flux-rehearse/flux-rehearse/finding"
)

var imageChanged = Kind{
	ID: "image-changed", Severity: finding.Info,
	Summary: "a container gets another image",
	Why: `Other code runs. It is also where a registry or a repository changes unnoticed. Told are the containers and init containers of
everything that describes pods, and of custom resources the fields "image" and "imageName", with "repository", "tag" and "digest" below them.`,
	Check: "see that the image exists and is the one that was tested",
	find:  findImages,
}

func findImages(s Step) []finding.Fact {
	var out []finding.Fact
	for _, o := range s.Objects {
		if o.Before == nil || o.After == nil {
			continue
		}
		t, ok := templateOf(o.Ref)
		switch {
		case ok:
			out = append(out, containerImages(o, t)...)
		case custom(o.Ref.Group):
			out = append(out, customImages(o)...)
		}
	}
	return out
}

func containerImages(o Object, t template) []finding.Fact {
	var out []finding.Fact
	before := containers(t.spec(o.Before))
	for _, c := range containers(t.spec(o.After)) {
		had, ok := find(before, c)
		from, to := text(had.value, "image"), text(c.value, "image")
		if from == to {
			continue
		}
		f := o.fact(c.pointer(t, "image"), "container \""+c.name+"\" gets the image "+to+" instead of "+from)
		if !ok {
			f.Message = "gets the container \"" + c.name + "\" with the image " + to
		}
		f.From, f.To = from, to
		out = append(out, f)
	}
	return out
}

// custom reports whether the kinds of a group are neither built in nor of Flux,
// whose own fields of these names say what it does with others' images.
func custom(group string) bool {
	return strings.Contains(group, ".") && !strings.HasSuffix(group, ".k8s.io") && !strings.HasSuffix(group, ".fluxcd.io") && group != operatorGroup
}

func customImages(o Object) []finding.Fact {
	before := map[string]string{}
	imagesIn(o.Before["spec"], "/spec", before)
	after := map[string]string{}
	imagesIn(o.After["spec"], "/spec", after)
	var out []finding.Fact
	for _, pointer := range sortedKeys(after) {
		from, had := before[pointer]
		if to := after[pointer]; had && from != to {
			f := o.fact(pointer, "gets the image "+to+" instead of "+from+" in "+strings.ReplaceAll(strings.TrimPrefix(pointer, "/"), "/", "."))
			f.From, f.To = from, to
			out = append(out, f)
		}
	}
	return out
}

// imagesIn collects what a value calls images, by their pointers.
func imagesIn(v any, pointer string, out map[string]string) {
	switch v := v.(type) {
	case []any:
		for i, item := range v {
			imagesIn(item, pointer+"/"+strconv.Itoa(i), out)
		}
	case map[string]any:
		for k, item := range v {
			at := pointer + finding.Pointer(k)
			if k != "image" && k != "imageName" {
				imagesIn(item, at, out)
				continue
			}
			if image := imageOf(item); image != "" {
				out[at] = image
			}
		}
	}
}

// imageOf writes an image that stands in one field, or in its parts.
func imageOf(v any) string {
	if s, ok := v.(string); ok {
		return s
	}
	out := text(v, "repository")
	if out == "" {
		return ""
	}
	if tag := text(v, "tag"); tag != "" {
		out += ":" + tag
	}
	if digest := text(v, "digest"); digest != "" {
		out += "@" + digest
	}
	return out
}
