//! Trees that are given: files of a map, archives and their links, overlays.

use crate::library::RUNTIME;
use crate::trees::{files, folder, host, mounts};
use ophidia::{Access, ChangeKind, FileKind, Mount, Tree};
use std::fs;
use std::io::Write as _;

#[test]
fn files_that_are_given_can_be_read_and_not_changed() {
    let made = folder();
    let zip = made.path().join("a.zip");
    let mut archive = zip::ZipWriter::new(fs::File::create(&zip).expect("a file"));
    for name in ["top", "sub/inner"] {
        archive.start_file(name, zip::write::SimpleFileOptions::default()).expect("an entry");
        archive.write_all(name.as_bytes()).expect("written");
    }
    archive.finish().expect("an archive");
    let tar = |gzip: bool| {
        let path = made.path().join(if gzip { "a.tar.gz" } else { "a.tar" });
        let file = fs::File::create(&path).expect("a file");
        let file: Box<dyn std::io::Write> = match gzip {
            true => Box::new(flate2::write::GzEncoder::new(file, flate2::Compression::fast())),
            false => Box::new(file),
        };
        let mut archive = tar::Builder::new(file);
        for name in ["top", "sub/inner"] {
            let mut header = tar::Header::new_gnu();
            header.set_size(name.len() as u64);
            header.set_mode(0o644);
            archive.append_data(&mut header, name, name.as_bytes()).expect("an entry");
        }
        archive.into_inner().expect("an archive").flush().expect("written");
        path
    };
    let linked = |of: &str| {
        let path = made.path().join("linked.tar");
        let mut archive = tar::Builder::new(fs::File::create(&path).expect("a file"));
        let mut header = tar::Header::new_gnu();
        header.set_size(3);
        header.set_mode(0o644);
        archive.append_data(&mut header, "./top", &b"top"[..]).expect("an entry");
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::Link);
        header.set_size(0);
        archive.append_link(&mut header, "sub/other", of).expect("an entry");
        archive.into_inner().expect("an archive").flush().expect("written");
        Mount::new("/in", Tree::Archive(path))
    };
    let mut py = mounts([linked("top")]);
    py.run("assert open('/in/sub/other').read() == open('/in/top').read() == 'top'")
        .expect("a file by its other name");
    let refused = RUNTIME.interpreter().mount(linked("none")).build().expect_err("no such entry");
    assert!(refused.to_string().contains("sub/other is another name of none"), "{refused}");
    for tree in [
        files([("top", "top"), ("sub/inner", "sub/inner")]),
        Tree::Archive(zip),
        Tree::Archive(tar(false)),
        Tree::Archive(tar(true)),
    ] {
        let what = format!("{tree:?}");
        let mut py = mounts([
            Mount::new("/in", tree.clone()),
            Mount::new("/over", Tree::Overlay(tree.into())),
        ]);
        py.run(
            "for root in ['/in', '/over']:\n\
             \x20   assert sorted(os.listdir(root)) == ['sub', 'top'], os.listdir(root)\n\
             \x20   assert open(root + '/top').read() == 'top'\n\
             \x20   assert open(root + '/sub/inner').read() == 'sub/inner'\n\
             for call in [lambda: write('/in/top', b''), lambda: write('/in/new', b''), lambda: os.mkdir('/in/d'),\n\
             \x20            lambda: os.unlink('/in/top'), lambda: os.rename('/in/top', '/in/x'),\n\
             \x20            lambda: os.rename('/in/top', '/tmp/x'), lambda: os.link('/in/top', '/in/x'),\n\
             \x20            lambda: os.utime('/in/top', (1, 1)), lambda: os.truncate('/in/top', 0),\n\
             \x20            lambda: os.symlink('top', '/in/x'), lambda: os.rmdir('/in/sub')]:\n\
             \x20   assert fails(call) == 'EPERM', call.__code__.co_consts\n\
             write('/over/top', b'new'); os.unlink('/over/sub/inner'); os.rmdir('/over/sub'); write('/over/a', b'')",
        )
        .expect(&what);
        assert_eq!(py.files().get("/in/top").expect("there"), b"top");
        assert_eq!(py.files().get("/over/top").expect("there"), b"new");
    }
}

/// T9: links of archives lead to what is in them and nowhere else.
#[test]
fn links_of_archives_stay_in_them() {
    let made = folder();
    // There is a bound for texts, and for the names on a way.
    let winding = |names: usize| "sub/../".repeat(names / 2) + "top";
    let links = [
        ("winding", &*winding(200)),
        ("too-far", &*winding(1_000)),
        ("too-long", &*winding(2_000)),
        ("a", "sub/file"),
        ("sub/up", "../top"),
        ("sub/self/back", "../../sub/self/../file"),
        ("folder", "sub"),
        ("through", "folder/up"),
        ("dangling", "none/at/all"),
        ("out", "../secret"),
        ("sub/out", "../../secret"),
        ("absolute", "/secret/file"),
        ("here", "."),
        ("indirect", "sub/self/back/../../../../secret"),
        ("by-link", "here/../secret"),
        ("ring", "ring"),
        ("ring-a", "ring-b"),
        ("ring-b", "ring-a"),
        ("top", "sub/file"),
        ("folder/below", "file"),
        ("empty", ""),
    ];
    let tar = made.path().join("a.tar");
    let mut archive = tar::Builder::new(fs::File::create(&tar).expect("a file"));
    let zip = made.path().join("a.zip");
    let mut zipped = zip::ZipWriter::new(fs::File::create(&zip).expect("a file"));
    let options = zip::write::SimpleFileOptions::default();
    for (name, text) in links {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::Symlink);
        header.set_size(0);
        if text.is_empty() {
            // Nobody writes such a one by the ordinary way.
            header.set_path(name).expect("a name");
            header.set_cksum();
            archive.append(&header, std::io::empty()).expect("a link");
        } else {
            archive.append_link(&mut header, name, text).expect("a link");
        }
        // The writer of zip files takes no name twice.
        if name != "top" {
            zipped.add_symlink(name, text, options).expect("a link");
        }
    }
    for name in ["top", "sub/file"] {
        let mut header = tar::Header::new_gnu();
        header.set_size(name.len() as u64);
        header.set_mode(0o644);
        archive.append_data(&mut header, name, name.as_bytes()).expect("an entry");
        zipped.start_file(name, options).expect("an entry");
        zipped.write_all(name.as_bytes()).expect("written");
    }
    archive.into_inner().expect("an archive").flush().expect("written");
    zipped.finish().expect("an archive");
    for tree in [Tree::Archive(tar), Tree::Archive(zip)] {
        let what = format!("{tree:?}");
        let mut py = mounts([
            Mount::new("/secret", files([("file", "secret")])),
            Mount::new("/in", tree.clone()),
            Mount::new("/over", Tree::Overlay(tree.into())),
        ]);
        py.run(
            "for root in ['/in/', '/over/']:
    found = sorted(os.path.relpath(os.path.join(at, name), root) for at, folders, names in os.walk(root) for name in folders + names)
    assert found == ['a', 'dangling', 'folder', 'here', 'sub', 'sub/file', 'sub/self', 'sub/self/back', 'sub/up', 'through', 'top', 'winding'], found
    for name, text in [('a', 'sub/file'), ('sub/up', 'top'), ('sub/self/back', 'sub/file'), ('folder/file', 'sub/file'), ('through', 'top'), ('winding', 'top'), ('here/here/top', 'top')]:
        assert open(root + name).read() == text, name
    assert os.readlink(root + 'sub/up') == '../top' and os.lstat(root + 'a').st_size == 8
    assert sorted(os.listdir(root + 'folder')) == ['file', 'self', 'up']
    assert fails(open, root + 'dangling') == 'ENOENT'
assert fails(os.unlink, '/in/a') == 'EPERM'
write('/over/a', b'new')
assert open('/over/sub/file').read() == 'new' and open('/in/sub/file').read() == 'sub/file'",
        )
        .expect(&what);
    }
    // One that would lie outside is refused as any other entry is.
    let tar = made.path().join("b.tar");
    let mut archive = tar::Builder::new(fs::File::create(&tar).expect("a file"));
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::Symlink);
    header.set_size(0);
    header.as_mut_bytes()[..7].copy_from_slice(b"../link");
    header.set_link_name("top").expect("a link");
    header.set_cksum();
    archive.append(&header, std::io::empty()).expect("an entry");
    archive.into_inner().expect("an archive").flush().expect("written");
    let mount = Mount::new("/in", Tree::Archive(tar));
    let refused = RUNTIME.interpreter().mount(mount).build().expect_err("outside");
    assert!(refused.to_string().contains("../link"), "{refused}");
}

#[test]
fn an_overlay_changes_in_memory_alone() {
    let made = folder();
    fs::create_dir_all(made.path().join("sub/deep")).expect("folders");
    for name in ["kept", "changed", "grown", "removed", "replaced", "sub/inner", "sub/deep/x"] {
        fs::write(made.path().join(name), name).expect("a file");
    }
    let mount = Mount::new("/data", Tree::Overlay(Box::new(host(&made, Access::ReadOnly))));
    let mut py = mounts([mount]);
    py.run(
        "os.chdir('/data')\n\
         assert open('kept').read() == 'kept'\n\
         reader = open('changed')\n\
         with open('changed', 'r+') as file: file.write('CHANG')\n\
         assert open('changed').read() == 'CHANGed' and reader.read() == 'CHANGed'\n\
         with open('grown', 'a') as file: file.write('!')\n\
         os.unlink('removed')\n\
         assert not os.path.exists('removed') and 'removed' not in os.listdir()\n\
         write('new', b'n'); os.replace('new', 'replaced')\n\
         os.rename('sub', 'moved')\n\
         assert open('moved/deep/x').read() == 'sub/deep/x' and not os.path.exists('sub')\n\
         os.makedirs('made/here'); write('made/here/y', b'y')",
    )
    .expect("changes");
    let changes: Vec<_> = py
        .files()
        .changes()
        .into_iter()
        .map(|change| (change.path.display().to_string(), change.change, change.kind))
        .collect();
    let (file, folder) = (Some(FileKind::File), Some(FileKind::Folder));
    for wanted in [
        ("/data/changed", ChangeKind::Changed, file),
        ("/data/grown", ChangeKind::Changed, file),
        ("/data/made", ChangeKind::Created, folder),
        ("/data/made/here/y", ChangeKind::Created, file),
        ("/data/removed", ChangeKind::Removed, None),
        ("/data/replaced", ChangeKind::Changed, file),
        ("/data/sub", ChangeKind::Removed, None),
        ("/data/moved", ChangeKind::Created, folder),
        ("/data/moved/deep/x", ChangeKind::Created, file),
    ] {
        let wanted = (wanted.0.to_owned(), wanted.1, wanted.2);
        assert!(changes.contains(&wanted), "{wanted:?} in {changes:#?}");
    }
    assert!(!changes.iter().any(|(path, ..)| path.contains("kept")), "{changes:?}");
    for name in ["kept", "changed", "grown", "removed", "replaced", "sub/inner", "sub/deep/x"] {
        assert_eq!(fs::read_to_string(made.path().join(name)).expect("there"), name);
    }
}

/// In an overlay a link of the host's is a name like others: it leads where it says in the guest's own paths.
#[test]
fn an_overlay_has_the_absolute_links_of_what_is_below() {
    let made = folder();
    for name in ["link", "gone"] {
        std::os::unix::fs::symlink("/tmp/there", made.path().join(name)).expect("a link");
    }
    let below = Tree::Overlay(Box::new(host(&made, Access::ReadOnly)));
    let mut py = mounts([Mount::new("/over", below)]);
    py.run(
        "import stat\n\
         assert sorted(os.listdir('/over')) == ['gone', 'link']\n\
         assert stat.S_ISLNK(os.lstat('/over/link').st_mode)\n\
         assert os.readlink('/over/link') == '/tmp/there'\n\
         assert fails(os.stat, '/over/link') == 'ENOENT'\n\
         write('/tmp/there', b'own')\n\
         assert open('/over/link').read() == 'own'\n\
         os.unlink('/over/gone')\n\
         assert os.listdir('/over') == ['link']",
    )
    .expect("links");
    assert!(made.path().join("gone").is_symlink(), "it stays below");
}
