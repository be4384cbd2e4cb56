// load.go: the index of a file that is opened.

package localstore

// loadIndex reads everything once: some seconds for a million sessions that the
// system has to fetch from the disk. What cannot be read keeps the file from
// being opened: nobody could say who it was.
func (d *DB) loadIndex() error {
	d.index.table = newTable()
	return d.read(func(v view) error {
		b := v.bucket(kindEntry)
		c := b.Cursor()
		for place, value := c.First(); place != nil; place, value = c.Next() {
			r, err := recordOf(place, value)
			if err != nil {
				return err
			}
			if r.due.number == 0 || r.due.number > b.Sequence() {
				return errDamaged // its number would be given again
			}
			if err := d.index.load(r); err != nil {
				return err
			}
		}
		return nil
	})
}
