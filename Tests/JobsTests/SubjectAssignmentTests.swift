import Jobs
import Testing

@Suite struct SubjectAssignmentTests {
  @Test(arguments: [
    ("toby1.jpg", "toby1"), ("a/b/toby1.jpg", "toby1"), (#"C:\x\toby1.PNG"#, "toby1"),
    ("toby.1.jpg", "toby.1"), ("toby", "toby"), (".hidden", ".hidden"), ("", ""), ("a/", "a"),
    ("../..", "."),
  ])
  func `P20 the stem of a name has neither folders nor an ending`(name: String, stem: String) {
    #expect(SubjectAssignment.stem(name) == stem)
  }

  @Test func `a name that a picture has exactly means no other`() {
    let stems = ["dog1", "dog10", "dog2", "cat"]
    #expect(SubjectAssignment.places(of: "dog1", among: stems) == [0])
    #expect(SubjectAssignment.places(of: "dog", among: stems) == [0, 1, 2])
    #expect(SubjectAssignment.places(of: "", among: stems) == [0, 1, 2, 3])
    #expect(SubjectAssignment.places(of: "bird", among: stems) == [])
    #expect(
      SubjectAssignment.claims(stems, [["dog"], ["dog10", "dog1"]]) == [[0, 1], [0, 1], [0], []])
  }
}
