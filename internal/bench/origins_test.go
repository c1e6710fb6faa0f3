package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/render"
	"github.com/flux-rehearse/flux-rehearse/repo"
)

// TestPlacesAreWhereToEdit really edits the text at the place of a field and
// renders again: the field has to change, or At points at the wrong place.
func TestPlacesAreWhereToEdit(t *testing.T) {
	for _, row := range []struct {
		name, dir, sources string
		sampled            int // places that are edited
	}{
		{"fleet", "../../fixtures/fleet/base", "", 40},
		{"flux2-kustomize-helm-example", "../../../shared/corpora/flux2-kustomize-helm-example/repo", "../../../shared/corpora/flux2-kustomize-helm-example/sources.yaml", 20},
		{"flux2-multi-tenancy", "../../../shared/corpora/flux2-multi-tenancy/repo", "../../../shared/corpora/flux2-multi-tenancy/sources.yaml", 6},
	} {
		t.Run(row.name, func(t *testing.T) {
			if _, err := os.Stat(row.dir); err != nil {
				t.Skipf("skipped: the repository %s is not there", row.dir)
			}
			tree, err := repo.Folder(row.dir)
			if err != nil {
				t.Fatal(err)
			}
			p := place{tree: tree, path: row.dir, sourceMap: row.sources, work: t.TempDir(), noCharts: true}
			before, err := worlds(context.Background(), p)
			if err != nil {
				t.Fatal(err)
			}
			all := places(before, tree)
			step := max(1, len(all)/row.sampled)
			edited := 0
			for i := 0; i < len(all); i += step {
				edited++
				p.work = t.TempDir()
				if wrong := all[i].edit(p); wrong != "" {
					t.Errorf("%s %s at %s: %s", all[i].object.Ref(), all[i].pointer, all[i].pos, wrong)
				}
			}
			if edited < row.sampled {
				t.Errorf("only %d places were edited", edited)
			}
		})
	}
}

// spot is a field and the place where it is said to be edited.
type spot struct {
	cluster int
	owner   finding.Ref
	object  *render.Object
	pointer string
	pos     finding.Position
}

// places are the fields of what Kustomizations apply that have an exact place
// in the tree, but for those that say what an object is and where Flux starts.
func places(all []*render.World, tree *repo.Tree) []spot {
	var out []spot
	for i, w := range all {
		for _, o := range w.Outcomes {
			if o.Object.GetKind() != "Kustomization" || o.State != render.Rendered {
				continue
			}
			for _, applied := range o.Applies {
				leaves(applied.Object, "", func(pointer string) {
					pos := applied.At(pointer)
					identity := pointer == "/apiVersion" || pointer == "/kind" || strings.HasPrefix(pos.File, w.Entry.Dir+"/flux-system/")
					if pos.Precision == finding.PrecisionExact && !identity && tree.File(pos.File) != nil {
						out = append(out, spot{i, o.Object.Ref(), applied, pointer, pos})
					}
				})
			}
		}
	}
	return out
}

// edit changes the text at the place and says what is wrong when the field does
// not follow.
func (s spot) edit(p place) string {
	data, err := p.tree.File(s.pos.File).Data()
	if err != nil {
		return err.Error()
	}
	changed, err := change(string(data), s.pos)
	if err != nil {
		return err.Error()
	}
	p.tree = p.tree.Overlay(map[string][]byte{s.pos.File: []byte(changed)})
	after, err := worlds(context.Background(), p)
	if err != nil {
		return err.Error()
	}
	if s.cluster >= len(after) {
		return "the cluster is gone"
	}
	out := after[s.cluster].Outcome(s.owner)
	if out == nil || out.State != render.Rendered {
		// A name or a path of the owner itself may be the text.
		if s.pointer == "/metadata/name" || s.pointer == "/metadata/namespace" || strings.HasPrefix(s.pointer, "/metadata/labels/kustomize.toolkit.fluxcd.io") {
			return ""
		}
		if out == nil {
			return "its owner is gone"
		}
		return fmt.Sprintf("its owner is %s: %s %+v", out.State, out.Reason, out.Problems)
	}
	for _, o := range out.Applies {
		if o.Ref() != s.object.Ref() {
			continue
		}
		if reflect.DeepEqual(value(o.Object, s.pointer), value(s.object.Object, s.pointer)) {
			return fmt.Sprintf("the field stays %v", value(o.Object, s.pointer))
		}
		return ""
	}
	if strings.HasPrefix(s.pointer, "/metadata/name") {
		return ""
	}
	return "the object is gone"
}

func value(v any, pointer string) any {
	for _, token := range finding.Tokens(pointer) {
		switch c := v.(type) {
		case map[string]any:
			v = c[token]
		case []any:
			i, err := strconv.Atoi(token)
			if err != nil || i >= len(c) {
				return nil
			}
			v = c[i]
		default:
			return nil
		}
	}
	return v
}

var counts = regexp.MustCompile(`^(.*)(\d)([a-zA-Z]*)$`)

// change returns the text with the value at the place changed.
func change(text string, pos finding.Position) (string, error) {
	lines := strings.Split(text, "\n")
	if pos.Line < 1 || pos.Line > len(lines) {
		return "", fmt.Errorf("the file has no line %d", pos.Line)
	}
	line := []rune(lines[pos.Line-1])
	if pos.Col < 1 || pos.Col > len(line) {
		return "", fmt.Errorf("line %d has no column %d", pos.Line, pos.Col)
	}
	rest := string(line[pos.Col-1:])
	if pos.EndCol == 0 {
		if i := pos.Line; strings.ContainsAny(rest[:1], "|>") && i < len(lines) {
			lines[i] += "x"
			return strings.Join(lines, "\n"), nil
		}
		return "", fmt.Errorf("no scalar stands here: %s", rest)
	}
	old := string(line[pos.Col-1 : pos.EndCol-1])
	lines[pos.Line-1] = string(line[:pos.Col-1]) + another(old) + string(line[pos.EndCol-1:])
	return strings.Join(lines, "\n"), nil
}

// another is a text of the same type with another value.
func another(old string) string {
	switch old {
	case "true":
		return "false"
	case "false":
		return "true"
	}
	quote := ""
	if q := old[len(old)-1:]; q == `"` || q == "'" {
		quote, old = q, old[:len(old)-1]
	}
	if m := counts.FindStringSubmatch(old); m != nil {
		digit, _ := strconv.Atoi(m[2])
		return m[1] + strconv.Itoa((digit+1)%10) + m[3] + quote
	}
	return old + "x" + quote
}

// TestTablesNameEveryPrecision holds that the table has a column for each precision.
func TestTablesNameEveryPrecision(t *testing.T) {
	c := counted{}
	for _, p := range precisions {
		c[p]++
	}
	if c.sum() != 6 || filepath.Base(orNone(finding.PrecisionNone)) != "none" {
		t.Errorf("the columns are %v", precisions)
	}
}
