package helmrelease

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"

	v2 "github.com/fluxcd/helm-controller/api/v2"

	"github.com/flux-rehearse/flux-rehearse/render"
)

// decode reads the object as the Go type of the API. Fields of a wrong type
// are an error; unknown fields are not.
func decode(obj *render.Object) (*v2.HelmRelease, error) {
	data, err := json.Marshal(obj.Object)
	if err != nil {
		return nil, fmt.Errorf("write %s: %w", obj.Ref(), err)
	}
	hr := &v2.HelmRelease{}
	if err := json.Unmarshal(data, hr); err != nil {
		return nil, fmt.Errorf("read %s: %w", obj.Ref(), err)
	}
	return hr, nil
}

// Helm allows release names of 53 bytes; helm-controller replaces the end of a
// longer one by a hyphen and part of its hash.
const (
	maxReleaseName  = 53
	releaseNameHash = 12
)

// ReleaseName is the name of the release that the controller makes.
func ReleaseName(hr *v2.HelmRelease) string {
	name := hr.GetReleaseName()
	if len(name) <= maxReleaseName {
		return name
	}
	sum := sha256.Sum256([]byte(name))
	return name[:maxReleaseName-releaseNameHash-1] + "-" + hex.EncodeToString(sum[:])[:releaseNameHash]
}

func either(value, otherwise string) string {
	if value != "" {
		return value
	}
	return otherwise
}

func item(pointer string, i int) string { return pointer + "/" + strconv.Itoa(i) }

// copyValues copies maps and lists; Helm changes the values that it is given.
func copyValues(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, e := range v {
			out[k] = copyValues(e)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = copyValues(e)
		}
		return out
	}
	return v
}
