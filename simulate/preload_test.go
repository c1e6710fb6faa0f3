package simulate

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// What others apply is not that of the restoration, what nobody applies stays.
func TestDisclaim(t *testing.T) {
	entry := func(manager string, operation metav1.ManagedFieldsOperationType, fields string) metav1.ManagedFieldsEntry {
		return metav1.ManagedFieldsEntry{Manager: manager, Operation: operation, FieldsType: "FieldsV1", FieldsV1: metav1.NewFieldsV1(fields)}
	}
	u := made("v1", "ConfigMap", "shop", "settings")
	own := entry(restoring, metav1.ManagedFieldsOperationUpdate, `{"f:data":{".":{},"f:A":{},"f:HAND":{}}}`)
	u.SetManagedFields([]metav1.ManagedFieldsEntry{own})
	if disclaim(u) {
		t.Error("nobody applies anything, and the restoration gives it up")
	}
	u.SetManagedFields([]metav1.ManagedFieldsEntry{own, entry(kustomizeController, metav1.ManagedFieldsOperationApply, `{"f:data":{"f:A":{}}}`)})
	if !disclaim(u) {
		t.Fatal("the restoration keeps what is applied")
	}
	want := `{"f:data":{".":{},"f:HAND":{}}}`
	if got := u.GetManagedFields()[0].FieldsV1.GetRawString(); got != want {
		t.Errorf("the restoration keeps %s, want %s", got, want)
	}
}
