package schemas

import (
	"encoding/json"
	"fmt"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	structural "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Default sets the fields that the API server sets by itself in an object of a
// kind that a CRD defines, by the defaults in its schema. Objects of other kinds,
// and of CRDs that the server would not take, stay as they are.
func (c *Catalog) Default(object map[string]any) {
	apiVersion, _ := object["apiVersion"].(string)
	kind, _ := object["kind"].(string)
	gvk := schema.FromAPIVersionAndKind(apiVersion, kind)
	crd, ok := c.crds[gvk.GroupKind()]
	if !ok {
		return
	}
	if version := crd.version(gvk.Version); version != nil {
		if s := version.structure(); s != nil {
			defaulting.Default(object, s)
		}
	}
}

// structure is the schema as the API server uses it, nil when it cannot.
func (v *customVersion) structure() *structural.Structural {
	v.shape.Do(func() { v.structural, _ = structureOf(v.openAPI) })
	return v.structural
}

func structureOf(openAPI map[string]any) (*structural.Structural, error) {
	data, err := json.Marshal(openAPI)
	if err != nil {
		return nil, fmt.Errorf("write a schema: %w", err)
	}
	var external apiextensionsv1.JSONSchemaProps
	if err := json.Unmarshal(data, &external); err != nil {
		return nil, fmt.Errorf("read a schema: %w", err)
	}
	var internal apiextensions.JSONSchemaProps
	if err := apiextensionsv1.Convert_v1_JSONSchemaProps_To_apiextensions_JSONSchemaProps(&external, &internal, nil); err != nil {
		return nil, fmt.Errorf("read a schema: %w", err)
	}
	return structural.NewStructural(&internal)
}
