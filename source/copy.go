package source

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"

	"github.com/bmatcuk/doublestar/v4"
	swapi "github.com/fluxcd/source-watcher/api/v2/v1beta1"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"
)

// copying is a copy operation of an ArtifactGenerator at work. Its rules are
// those of cp, with the exceptions of source-watcher.
type copying struct {
	swapi.CopyOperation
	to *stage

	from    *stage
	alias   string
	pattern string
	dest    string
	base    string // folder that exclude patterns may be relative to
}

// run copies what the operation names.
func (c *copying) run(ws workspace) error {
	if err := c.parse(ws); err != nil {
		return err
	}
	if !isGlob(c.pattern) {
		return c.single(path.Clean(c.pattern))
	}
	matches, err := c.glob()
	if err != nil {
		return fmt.Errorf("invalid glob pattern '%s': %w", c.pattern, err)
	}
	if len(matches) == 0 {
		return fmt.Errorf("no files match pattern '%s' in source '%s'", c.pattern, c.alias)
	}
	c.base = literalRoot(c.pattern)
	var keep []string
	for _, m := range matches {
		if m != "." && m != ".." && !c.excluded(m) {
			keep = append(keep, m)
		}
	}
	if len(keep) == 0 {
		return fmt.Errorf("all files matching pattern '%s' in source '%s' were excluded", c.pattern, c.alias)
	}
	for _, m := range keep {
		if err := c.match(m); err != nil {
			return err
		}
	}
	return nil
}

func (c *copying) parse(ws workspace) error {
	from, ok := strings.CutPrefix(c.From, "@")
	if !ok {
		return fmt.Errorf("invalid copy source '%s': source must start with '@'", c.From)
	}
	if c.alias, c.pattern, ok = strings.Cut(from, "/"); !ok {
		return fmt.Errorf("invalid copy source '%s': source format must be '@alias/pattern'", c.From)
	}
	if c.dest, ok = strings.CutPrefix(c.To, "@artifact/"); !ok {
		return fmt.Errorf("invalid copy destination '%s': destination must start with '@artifact/'", c.To)
	}
	if c.from, ok = ws[c.alias]; !ok {
		return fmt.Errorf("source alias '%s' not found", c.alias)
	}
	for _, p := range c.Exclude {
		if !doublestar.ValidatePattern(p) {
			return fmt.Errorf("invalid exclude pattern '%s'", p)
		}
	}
	for _, p := range append([]string{c.pattern}, c.Exclude...) {
		if strings.Count(p, "{") > maxAlternatives {
			return &limitError{pattern: p}
		}
	}
	return nil
}

// maxAlternatives bounds the groups of alternatives in a pattern: the time to
// match doubles with each.
const maxAlternatives = 10

// limitError is a pattern that is not tried, so that no input hangs the run.
type limitError struct{ pattern string }

// Error implements error.
func (e *limitError) Error() string {
	return fmt.Sprintf("the pattern '%s' has more than %d groups of alternatives and is not evaluated", e.pattern, maxAlternatives)
}

// glob finds what the pattern matches. Only Extract knows "**" as any number of
// folders; elsewhere it is one "*".
func (c *copying) glob() ([]string, error) {
	if c.Strategy == swapi.ExtractStrategy {
		return doublestar.Glob(c.from.fsys(), c.pattern)
	}
	return fs.Glob(c.from.fsys(), c.pattern)
}

// match copies one match of a glob.
func (c *copying) match(m string) error {
	if c.Strategy == swapi.ExtractStrategy {
		if !isArchive(m) || c.from.isFolder(m) {
			return nil
		}
		if err := c.extract(m); err != nil {
			return fmt.Errorf("failed to extract tarball '%s' to '%s': %w", m, c.dest, err)
		}
		return nil
	}
	to := path.Join(c.dest, m)
	// "dir/**" drops "dir", every other glob keeps the whole path.
	if dir, ok := strings.CutSuffix(c.pattern, "/**"); ok {
		if rest, ok := strings.CutPrefix(m, dir+"/"); ok {
			to = path.Join(c.dest, rest)
		}
	}
	if err := c.copy(m, to); err != nil {
		return fmt.Errorf("failed to copy file '%s' to '%s': %w", m, to, err)
	}
	return nil
}

// single copies a source that is no glob: a folder keeps its name below the
// destination, a file takes the name of the destination unless that is a folder.
func (c *copying) single(p string) error {
	info, err := fs.Stat(c.from.fsys(), p)
	switch {
	case errors.Is(err, fs.ErrInvalid):
		return fmt.Errorf("failed to stat source '%s': statat %s: path escapes from parent", p, p)
	case err != nil:
		return fmt.Errorf("source '%s' does not exist", p)
	case info.IsDir() && c.Strategy == swapi.ExtractStrategy:
		return fmt.Errorf("extract strategy is not supported for directories, got '%s'", p)
	case info.IsDir():
		c.base = p
		return c.copy(p, path.Join(c.dest, path.Base(p)))
	}
	c.base = "."
	if c.excluded(p) {
		return nil
	}
	if c.Strategy == swapi.ExtractStrategy {
		if !isArchive(p) {
			return fmt.Errorf("extract strategy requires tarball file (.tar.gz or .tgz), got '%s'", p)
		}
		return c.extract(p)
	}
	to := c.dest
	if strings.HasSuffix(c.To, "/") || c.to.isFolder(to) {
		to = path.Join(to, path.Base(p))
	}
	return c.copy(p, to)
}

// copy copies a file, or a folder with all that is in it.
func (c *copying) copy(from, to string) error {
	if !c.from.isFolder(from) {
		f := c.from.files[from]
		if c.Strategy == swapi.MergeStrategy && c.to.has(path.Clean(to)) {
			return c.merge(f, path.Clean(to))
		}
		return c.to.put(to, f)
	}
	return fs.WalkDir(c.from.fsys(), from, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if p != from && c.excluded(p) {
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		rel, _ := within(p, from)
		target := path.Join(to, rel)
		if d.IsDir() {
			return c.to.mkdir(path.Clean(target))
		}
		// Inside a folder the strategy Merge overwrites.
		return c.to.put(target, c.from.files[p])
	})
}

// merge merges the YAML of a file over that of the file at the destination. The
// result is written anew, so nothing in the repository is its origin.
func (c *copying) merge(f File, to string) error {
	over, err := yamlMap(f.Data)
	if err != nil {
		return err
	}
	under, err := yamlMap(c.to.files[to].Data)
	if err != nil {
		return err
	}
	data, err := yaml.Marshal(mergeMaps(under, over))
	if err != nil {
		return fmt.Errorf("failed to merged YAML: %w", err)
	}
	return c.to.put(to, File{Data: data})
}

// yamlMap merges all documents of a YAML file into one map.
func yamlMap(data []byte) (map[string]any, error) {
	out := map[string]any{}
	r := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(data)))
	for {
		raw, err := r.Read()
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, fmt.Errorf("error reading YAML document: %w", err)
		}
		doc := map[string]any{}
		if err := yaml.Unmarshal(raw, &doc); err != nil {
			return nil, fmt.Errorf("cannot unmarshal YAML document: %w", err)
		}
		out = mergeMaps(out, doc)
	}
}

// mergeMaps merges as Helm merges values: maps deep, everything else replaced.
func mergeMaps(under, over map[string]any) map[string]any {
	out := make(map[string]any, len(under)+len(over))
	for k, v := range under {
		out[k] = v
	}
	for k, v := range over {
		a, isMap := out[k].(map[string]any)
		if b, ok := v.(map[string]any); ok && isMap {
			v = mergeMaps(a, b)
		}
		out[k] = v
	}
	return out
}

// extract unpacks an archive below the destination.
func (c *copying) extract(p string) error {
	files, err := unpack(c.from.files[p].Data)
	if err != nil {
		return fmt.Errorf("failed to extract tarball %q to %q: %w", p, c.dest, err)
	}
	if err := c.to.mkdir(path.Clean("./" + c.dest)); err != nil {
		return err
	}
	for _, f := range files {
		if err := c.to.put(path.Join(c.dest, f.Path), f); err != nil {
			return err
		}
	}
	return nil
}

// excluded matches the exclude patterns against the path from the root of the
// source and from the base, and those without a slash against the name.
func (c *copying) excluded(p string) bool {
	paths := []string{p}
	if rel, ok := within(p, c.base); ok && rel != "" && rel != p {
		paths = append(paths, rel)
	}
	for _, pattern := range c.Exclude {
		for _, p := range paths {
			if doublestar.MatchUnvalidated(pattern, p) {
				return true
			}
		}
		if !strings.Contains(pattern, "/") && doublestar.MatchUnvalidated(pattern, path.Base(p)) {
			return true
		}
	}
	return false
}

func isGlob(p string) bool { return strings.ContainsAny(p, "*?[]") }

// literalRoot is the part of a pattern before the first element with a glob.
func literalRoot(pattern string) string {
	var parts []string
	for part := range strings.SplitSeq(path.Clean(pattern), "/") {
		if isGlob(part) {
			break
		}
		parts = append(parts, part)
	}
	if len(parts) == 0 {
		return "."
	}
	return path.Join(parts...)
}
