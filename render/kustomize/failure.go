package kustomize

// The reasons of the Ready condition.
const (
	artifactFailed = "ArtifactFailed"
	buildFailed    = "BuildFailed"
)

// Failure says why a folder does not build. Paths are relative to the artifact.
type Failure struct {
	Reason    string // stable kebab-case code
	Condition string // reason of the Ready condition
	Message   string // the controller's text
	Unknown   bool   // the controller might succeed, with content that is not at hand here

	Path   string // file or folder the text names
	File   string // kustomization file that holds the mistake, when the text names it
	Line   int    // in Path, 0 when unknown
	Entry  string // entry of the kustomization file, as written
	Object string // kustomize's name of the object concerned
	Field  string // field or JSON pointer concerned
}

// Error is the controller's text.
func (f *Failure) Error() string { return f.Message }
