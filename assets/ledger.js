// The ledger's filter: without this script it stays hidden, and all rows show.
{
  const form = document.querySelector(".ledger form");
  if (form) {
    const choose = () => {
      const { verdict, chapter } = form.elements;
      let shown = 0;
      for (const group of document.querySelectorAll(".ledger tbody")) {
        const rows = [...group.querySelectorAll("[data-chapter]")];
        for (const row of rows)
          row.hidden =
            (verdict.value && verdict.value !== group.dataset.verdict) ||
            (chapter.value && chapter.value !== row.dataset.chapter);
        const left = rows.filter((row) => !row.hidden).length;
        group.hidden = !left;
        shown += left;
      }
      form.querySelector("output").textContent = `${shown} shown`;
    };
    form.hidden = false;
    form.addEventListener("change", choose);
    choose(); // a browser that comes back remembers what was chosen
  }
}
