package repo

import (
	"fmt"
	"io/fs"
	"path"
	"strings"
	"sync"

	"github.com/flux-rehearse/flux-rehearse/finding"
)

// maxYAML is the size in bytes of the largest file that is parsed.
const maxYAML = 20 << 20

// parsed is what parsing a file once gave.
type parsed struct {
	once     sync.Once
	docs     []*Document
	problems []finding.Problem
	text     text
}

func memoryFile(name string, data []byte) *File {
	return &File{
		Path:    path.Clean(name),
		Mode:    0o644,
		display: path.Clean(name),
		read:    func() ([]byte, error) { return data, nil },
		size:    func() (int64, error) { return int64(len(data)), nil },
	}
}

// copyAs returns the same file, to be parsed anew, under another name for people.
func (f *File) copyAs(display string) *File {
	return &File{
		Path: f.Path, Mode: f.Mode, Link: f.Link,
		display: display, read: f.read, size: f.size, virtual: f.virtual, chart: f.chart,
	}
}

// Data returns the content, which must not be modified. A symbolic link has
// none: it is never followed.
func (f *File) Data() ([]byte, error) {
	if f.Mode&fs.ModeSymlink != 0 {
		return nil, fmt.Errorf("read %s: it is a symbolic link to %q", f.display, f.Link)
	}
	return f.read()
}

// Documents returns the YAML documents of a .yaml, .yml or .json file in their
// order; templates of a Helm chart have none.
func (f *File) Documents() []*Document {
	f.parse()
	return f.parsed.docs
}

// Problems returns what is wrong with the file itself.
func (f *File) Problems() []finding.Problem {
	f.parse()
	return f.parsed.problems
}

// Position returns the place of a line and column of the file, both from 1 and
// kept within the file; line 0 stands for the file as a whole.
func (f *File) Position(line, col int) finding.Position {
	if line <= 0 || f.virtual {
		return finding.Position{File: f.display, Precision: finding.PrecisionFile}
	}
	if f.isYAML() {
		f.parse()
		line, col = f.parsed.text.clamp(line, col)
	}
	return finding.Position{File: f.display, Line: line, Col: col, Precision: finding.PrecisionExact}
}

func (f *File) isYAML() bool {
	if f.chart || f.Mode&fs.ModeType != 0 {
		return false
	}
	switch path.Ext(f.Path) {
	case ".yaml", ".yml", ".json":
		return true
	}
	return f.objects
}

func (f *File) isJSON() bool { return strings.HasSuffix(f.Path, ".json") }

func (f *File) parse() {
	f.parsed.once.Do(func() {
		if f.isYAML() {
			f.parseYAML()
		}
	})
}

func (f *File) parseYAML() {
	if n, err := f.size(); err == nil && n > maxYAML {
		f.unreadable(fmt.Errorf("%d MiB are more than the %d MiB that a YAML file may have", n>>20, maxYAML>>20))
		return
	}
	data, err := f.Data()
	if err != nil {
		f.unreadable(err)
		return
	}
	p := parser{file: f, budget: searchBytes}
	p.run(data)
	f.parsed.docs, f.parsed.problems, f.parsed.text = p.docs, p.problems, p.text
}

func (f *File) unreadable(err error) {
	problem := unreadable(f.Path, err)
	problem.Pos.File = f.display
	f.parsed.problems = append(f.parsed.problems, problem)
}
