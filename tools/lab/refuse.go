package lab

import "fmt"

// RefuseWrites makes the database refuse each write to the table, with the message
// "refused by the test".
func (a *App) RefuseWrites(table string) {
	a.t.Helper()
	_, err := a.DB().Exec(fmt.Sprintf(`
		CREATE OR REPLACE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'refused by the test'; END $$;
		CREATE TRIGGER refuse BEFORE INSERT OR UPDATE ON %s FOR EACH ROW EXECUTE FUNCTION refuse();`, table))
	if err != nil {
		a.t.Fatalf("make the database refuse writes to %s: %v", table, err)
	}
}
